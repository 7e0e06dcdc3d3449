// Networks that leave as ONNX files and come back: `keel export --onnx`, `keel import`, and commands on such files.

#include <fstream>

#include "../../support/trained_folder.hpp"
#include "keel/models/checkpoint.hpp"

namespace keel::test {
namespace {

using tools::Json;

struct OnnxCommands : TrainedFolder {
  [[nodiscard]] Json evaluation_of(const std::string& file) const {
    const auto finished = run(fmt::format("evaluate {} --data tiny --threads 1 --json", file));
    BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
    return Json::parse(finished.out);
  }

  // Where keel was built without ONNX, every command says so.
  [[nodiscard]] bool is_there() const {
    train("--model bn --epochs 4 --batch-size 32 --quiet --out trained");
    const auto finished = run("export trained/model.safetensors --onnx out.onnx");
    if (finished.status == 0) return true;
    for (const char* command :
         {"export trained/model.safetensors --onnx out.onnx", "evaluate out.onnx --data tiny",
          "predict out.onnx x.png", "import out.onnx --out back.safetensors"})
      check_fails(command, 1, {"libonnx-dev"});
    return false;
  }

  void check_same(const std::string& a, const std::string& b) const {
    const auto expected = evaluation_of(a);
    const auto actual = evaluation_of(b);
    BOOST_TEST(actual.at("confusion") == expected.at("confusion"), b);
    BOOST_TEST(actual.at("loss").get<double>() == expected.at("loss").get<double>(),
               boost::test_tools::tolerance(1e-5));
  }
};

BOOST_FIXTURE_TEST_SUITE(onnx_commands, OnnxCommands)

BOOST_AUTO_TEST_CASE(a_network_is_the_same_as_an_onnx_file_and_back) {
  if (!is_there()) {
    BOOST_TEST_MESSAGE("keel was built without ONNX");
    return;
  }
  for (const char* model :
       {"--model bn", "--model plain --activation tanh", "--model mlp:64-20-12-5 --norm batch", "--model cnn",
        "--model plain --dropout 0.3"}) {
    train(fmt::format("{} --epochs 2 --batch-size 32 --quiet --out trained --force", model));
    for (const char* fold : {"", "--fold"}) {
      BOOST_REQUIRE(run(fmt::format("export trained/model.safetensors --onnx out.onnx {}", fold)).status ==
                    0);
      check_same("trained/model.safetensors", "out.onnx");
      const auto imported = run("import out.onnx --out back.safetensors");
      BOOST_REQUIRE_MESSAGE(imported.status == 0, model << ": " << imported.err);
      BOOST_TEST(imported.out == "back.safetensors\n");
      check_same("trained/model.safetensors", "back.safetensors");
      const auto network = checkpoint_texts(*this / "back.safetensors").at("network");
      const bool normalized =
          checkpoint_texts(*this / "trained/model.safetensors").at("network").find("norm=batch") !=
          std::string::npos;
      BOOST_TEST((network.find("norm=batch") != std::string::npos) == (normalized && *fold == '\0'), network);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_keel_train_does_not_make_is_used_as_it_is) {
  if (!is_there()) return;
  train("--model plain --norm layer --epochs 2 --batch-size 32 --quiet --out layer");
  BOOST_REQUIRE(run("export layer/model.safetensors --onnx layer.onnx").status == 0);
  check_same("layer/model.safetensors", "layer.onnx");
  check_fails("import layer.onnx --out back.safetensors", 3,
              {"layer.onnx", "keel evaluate and keel predict"});
  check_fails("evaluate layer.onnx --data digits", 3, {"takes images of 8 x 8"});
  std::ofstream{*this / "bad.onnx"} << "no network";
  check_fails("evaluate bad.onnx --data tiny", 3, {"bad.onnx"});
  check_fails("import bad.onnx --out back.safetensors", 3, {"bad.onnx"});
  check_fails("evaluate missing.onnx --data tiny", 3, {"missing.onnx"});
  BOOST_TEST(!std::filesystem::exists(*this / "back.safetensors"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
