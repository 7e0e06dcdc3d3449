// Networks that leave as ONNX files and come back: `keel export --onnx`, `keel import`, and commands on such files.

#include <fstream>

#include "../../support/trained_folder.hpp"
#include "keel/models/checkpoint.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/linear.hpp"
#include "keel/models/onnx.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/tools/data/png.hpp"

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
        "--model plain --dropout 0.3", "--model plain --norm layer --activation gelu",
        "--model cnn --norm group"}) {
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

// Networks that somebody else may have made, on the tiny images.
struct ForeignNetwork {
  Linear layer{64, 5};
  int kind = 0;

  Var operator()(const Var& images) const {
    const Var logits = layer(images);
    if (kind == 0) return clamp(logits, 0.0, 6.0);
    if (kind == 1) return softmax(logits);
    return reshape(softmax(logits), {-1, 5});
  }
  void visit(auto&& each) { each("layer", layer); }
};

BOOST_AUTO_TEST_CASE(what_keel_train_does_not_make_is_used_as_it_is) {
  if (!is_there()) return;
  ForeignNetwork foreign;
  initialize(foreign, Rng{1});
  export_onnx(foreign, {64}, *this / "clipped.onnx");
  BOOST_TEST(evaluation_of("clipped.onnx").at("images") == 100);
  check_fails("import clipped.onnx --out back.safetensors", 3,
              {"clipped.onnx", "the operator clamp (", "keel evaluate and keel predict"});
  check_fails("evaluate clipped.onnx --data digits", 3, {"takes images of 8 x 8"});
  std::ofstream{*this / "bad.onnx"} << "no network";
  check_fails("evaluate bad.onnx --data tiny", 3, {"bad.onnx"});
  check_fails("import bad.onnx --out back.safetensors", 3, {"bad.onnx"});
  check_fails("evaluate missing.onnx --data tiny", 3, {"missing.onnx"});
  BOOST_TEST(!std::filesystem::exists(*this / "back.safetensors"));
}

// Probabilities are known by what makes the output, also behind a change of shape.
BOOST_AUTO_TEST_CASE(files_that_give_probabilities_are_read_as_such) {
  if (!is_there()) return;
  ForeignNetwork foreign;
  initialize(foreign, Rng{1});
  std::vector<double> losses;
  for (const int kind : {1, 2}) {
    foreign.kind = kind;
    export_onnx(foreign, {64}, *this / "probabilities.onnx");
    losses.push_back(evaluation_of("probabilities.onnx").at("loss"));
  }
  Linear& logits = foreign.layer;
  export_onnx(logits, {64}, *this / "logits.onnx");
  const double expected = evaluation_of("logits.onnx").at("loss");
  for (const double loss : losses) BOOST_TEST(loss == expected, boost::test_tools::tolerance(1e-5));
}

// Images that are not square, dark on light, of classes with names.
BOOST_AUTO_TEST_CASE(what_images_a_network_is_for_leaves_with_it) {
  if (!is_there()) return;
  for (const auto& [name, stripe] : {std::pair{"left", 1}, {"middle", 3}, {"right", 5}}) {
    for (const auto& [part, count] : {std::pair{"train", 30}, {"test", 4}}) {
      for (int i = 0; i < count; ++i) {
        tools::GreyImage image{.height = 12, .width = 6, .pixels = std::vector<std::uint8_t>(72, 250)};
        for (std::size_t row = 0; row < 12; ++row)
          image.pixels[row * 6 + static_cast<std::size_t>(stripe)] = static_cast<std::uint8_t>(10 * (i % 5));
        const auto place = *this / fmt::format("stripes/{}/{}", part, name);
        std::filesystem::create_directories(place);
        tools::write_png(place / fmt::format("{}.png", i), image);
      }
    }
  }
  BOOST_REQUIRE(
      run("train --data stripes --epochs 10 --batch-size 8 --threads 1 --quiet --out of-stripes").status ==
      0);
  BOOST_REQUIRE(run("export of-stripes/model.safetensors --onnx stripes.onnx").status == 0);
  BOOST_REQUIRE(run("import stripes.onnx --out back.safetensors").status == 0);
  const auto pictures = "stripes/test/left/0.png stripes/test/middle/1.png stripes/test/right/2.png";
  const auto expected = run(fmt::format("predict of-stripes/model.safetensors {}", pictures));
  BOOST_TEST(expected.out.find("middle/1.png: middle (") != std::string::npos, expected.out);
  BOOST_TEST(expected.err == "");
  for (const char* file : {"stripes.onnx", "back.safetensors"}) {
    const auto actual = run(fmt::format("predict {} {}", file, pictures));
    BOOST_TEST(actual.out == expected.out, file);
    BOOST_TEST(actual.err == "", file);
  }
}

// Of whatever name: by their first bytes.
BOOST_AUTO_TEST_CASE(the_kind_of_a_file_is_in_its_bytes) {
  if (!is_there()) return;
  BOOST_REQUIRE(run("export trained/model.safetensors --onnx network").status == 0);
  BOOST_REQUIRE(run_command("cp trained/model.safetensors network.onnx", *this / "").status == 0);
  check_same("trained/model.safetensors", "network");
  check_same("trained/model.safetensors", "network.onnx");
  BOOST_TEST(run("import network --out back.safetensors").status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
