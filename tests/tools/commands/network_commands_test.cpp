// `keel evaluate`, `predict` and `export` as their users meet them.

#include <fstream>

#include "../../support/network_commands.hpp"
#include "keel/models/checkpoint.hpp"
#include "keel/tools/commands/evaluate_command.hpp"
#include "keel/tools/data/fit_image.hpp"
#include "keel/tools/data/idx_writer.hpp"
#include "keel/tools/data/png.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using tools::Json;

BOOST_FIXTURE_TEST_SUITE(network_commands, NetworkCommands)

BOOST_AUTO_TEST_CASE(evaluate_says_what_the_training_said) {
  const auto run_json = results_in(*this / "trained").at("runs").at(0);
  const auto json = json_of("evaluate trained/model.safetensors --data tiny");
  BOOST_TEST(json.at("loss") == run_json.at("test_loss"));
  BOOST_TEST(json.at("accuracy") == run_json.at("test_accuracy"));
  std::int64_t right = 0;
  std::int64_t all = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    std::int64_t row = 0;
    for (std::size_t k = 0; k < 5; ++k) row += json.at("confusion").at(i).at(k).get<std::int64_t>();
    const auto hit = json.at("confusion").at(i).at(i).get<std::int64_t>();
    const auto& score = json.at("per_class").at(i);
    BOOST_TEST(score.at("support") == row);
    BOOST_TEST(score.at("recall").get<double>() == static_cast<double>(hit) / static_cast<double>(row));
    for (const char* key : {"precision", "f1"}) BOOST_TEST(score.at(key).is_number());
    right += hit, all += row;
  }
  BOOST_TEST(all == 100);
  BOOST_TEST(json.at("accuracy").get<double>() == static_cast<double>(right) / 100.0);
  BOOST_TEST(json.at("calibration_error").is_number());
  // On any number of threads, from the checkpoint of the end, and in words.
  BOOST_TEST(json_of("evaluate trained/model.safetensors --data tiny --threads 3") == json);
  auto of_checkpoint = json_of("evaluate trained/checkpoints/step-000000000080.safetensors --data tiny");
  BOOST_TEST(of_checkpoint.at("confusion") == json.at("confusion"));
  const auto words = run("evaluate trained/model.safetensors --data tiny");
  BOOST_TEST(words.err == "");
  BOOST_TEST(words.out.find(fmt::format("accuracy {:.2f} %", 100.0 * json.at("accuracy").get<double>())) !=
             std::string::npos);
  BOOST_TEST(run("evaluate --help").out.find("15 bins") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_classification_is_readable_in_80_columns) {
  const auto widest = [](const std::string& text) {
    std::size_t width = 0;
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = text.find('\n', begin);
      width = std::max(width, end - begin);
      begin = end + 1;
    }
    return width;
  };
  tools::Classification few{.mean = {1.5, 0.25}, .confusion = {10, std::vector<std::int64_t>(10, 99'999)}};
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) names.push_back(std::to_string(i));
  const auto matrix = tools::classification_text(few, names);
  BOOST_TEST(matrix.find("rows") != std::string::npos);
  BOOST_TEST(widest(matrix) <= 80U);
  tools::Classification many{.mean = {1.5, 0.25}, .confusion = {47, std::vector<std::int64_t>(47)}};
  for (int i = 10; i < 47; ++i) names.push_back("a class with a very long name, number " + std::to_string(i));
  many.confusion[3][8] = 12, many.confusion[8][3] = 7, many.confusion[2][2] = 99;
  const auto pairs = tools::classification_text(many, names);
  const auto first = pairs.find("    12  3 -> 8\n");
  BOOST_TEST(first != std::string::npos, pairs);
  BOOST_TEST(pairs.find("     7  8 -> 3\n") > first, pairs);
  BOOST_TEST(pairs.find("rows") == std::string::npos);
  BOOST_TEST(widest(pairs) <= 80U);
}

BOOST_AUTO_TEST_CASE(data_and_files_that_do_not_fit_are_status_3) {
  const std::string network = "trained/model.safetensors";
  check_fails("evaluate " + network + " --data digits", 3, {"takes images of 8 x 8", "'digits' are 28 x 28"});
  fs::create_directory(*this / "six");
  auto data = tiny_data();
  data.train.labels[0] = data.test.labels[0] = 5;
  const auto write = [&](const std::string& name, const std::string& content) {
    std::ofstream{*this / "six" / name, std::ios::binary} << content;
  };
  write("train-images-idx3-ubyte.gz", tools::gzipped_idx_images(data.train));
  write("train-labels-idx1-ubyte.gz", tools::gzipped_idx_labels(data.train));
  write("t10k-images-idx3-ubyte.gz", tools::gzipped_idx_images(data.test));
  write("t10k-labels-idx1-ubyte.gz", tools::gzipped_idx_labels(data.test));
  check_fails("evaluate " + network + " --data six", 3, {"tells 5 classes apart, but 'six' has 6"});
  check_fails("evaluate nowhere.safetensors", 3, {"nowhere.safetensors", "No such file"});
  check_fails("evaluate trained", 3, {"'trained' can't be loaded"});
  check_fails("evaluate trained/metrics.jsonl", 3, {"damaged, or of another format"});
  fs::copy_file(*this / network, *this / "short.safetensors");
  fs::resize_file(*this / "short.safetensors", 1000);
  check_fails("evaluate short.safetensors", 3, {"short.safetensors"});
  for (const char* command :
       {"evaluate", "predict", "export", "import", "predict trained/model.safetensors",
        "export trained/model.safetensors", "import x.onnx", "evaluate a b",
        "export trained/model.safetensors --onnx a --safetensors b",
        "export trained/model.safetensors --safetensors b --names tensorflow",
        "export trained/model.safetensors --onnx b --names torch",
        "export trained/model.safetensors --safetensors trained/model.safetensors",
        "import trained/model.safetensors --out b", "predict a b --top 0", "predict a b --invert sometimes"})
    check_fails(command, 2, {});
}

// Folders of pictures name their classes.
BOOST_AUTO_TEST_CASE(a_data_set_of_other_classes_is_refused) {
  const auto write_pictures = [&](const std::string& folder, const std::vector<std::string>& names) {
    for (std::size_t label = 0; label < names.size(); ++label)
      for (const auto& [part, count] : {std::pair{"train", 20}, {"test", 2}})
        for (int i = 0; i < count; ++i) {
          const auto place = *this / fmt::format("{}/{}/{}", folder, part, names[label]);
          fs::create_directories(place);
          tools::write_png(place / fmt::format("{}.png", i), picture_of(static_cast<int>(label)));
        }
  };
  write_pictures("pets", {"cat", "dog", "eel"});
  write_pictures("others", {"cat", "eel", "fox"});
  const auto trained = run("train --data pets --epochs 2 --batch-size 8 --threads 1 --quiet --out of-pets");
  BOOST_REQUIRE_MESSAGE(trained.status == 0, trained.err);
  BOOST_TEST(run("evaluate of-pets/model.safetensors --data pets").status == 0);
  check_fails(
      "evaluate of-pets/model.safetensors --data others", 3,
      {"class 1 of 'others' is 'eel', but that of the network of 'of-pets/model.safetensors' is 'dog'"});
}

BOOST_AUTO_TEST_CASE(exported_networks_do_the_same) {
  const auto expected = json_of("evaluate trained/model.safetensors --data tiny");
  for (const char* options : {"", "--names torch", "--fold", "--fold --names torch"}) {
    BOOST_TEST(
        run(fmt::format("export trained/model.safetensors --safetensors out.safetensors {}", options)).out ==
        "out.safetensors\n");
    auto json = json_of("evaluate out.safetensors --data tiny");
    BOOST_TEST(json.at("confusion") == expected.at("confusion"), options);
    BOOST_TEST(json.at("loss").get<double>() == expected.at("loss").get<double>(),
               boost::test_tools::tolerance(1e-5));
  }
  // Once more is the same file.
  BOOST_REQUIRE(run("export trained/model.safetensors --safetensors once.safetensors").status == 0);
  BOOST_TEST((content("once.safetensors") == content("trained/model.safetensors")));
  const auto full = run("export trained/model.safetensors --safetensors nowhere/out.safetensors");
  BOOST_TEST(full.status == 1, full.err);
}

// By the names and shapes of the networks that the project began with, whose layers have biases, batch norm
// or not.
BOOST_AUTO_TEST_CASE(pytorchs_names_are_those_of_simple_nn) {
  for (const bool bn : {false, true}) {
    const std::string model = bn ? "bn" : "plain";
    BOOST_REQUIRE(
        run(fmt::format("train --model {0} --limit 128 --epochs 1 --quiet --out {0}", model)).status == 0);
    BOOST_REQUIRE(
        run(fmt::format("export {0}/model.safetensors --names torch --safetensors {0}.safetensors", model))
            .status == 0);
    const auto file = content(model + ".safetensors");
    std::vector<std::string> arrays{R"("fc1.weight":{"dtype":"F32","shape":[128,784])",
                                    R"("fc1.bias":{"dtype":"F32","shape":[128])",
                                    R"("fc2.weight":{"dtype":"F32","shape":[10,128])",
                                    R"("fc2.bias":{"dtype":"F32","shape":[10])", R"("format":"pt")"};
    if (bn) {
      for (const char* name : {"weight", "bias", "running_mean", "running_var"})
        arrays.push_back(fmt::format(R"("bn1.{}":{{"dtype":"F32","shape":[128])", name));
      arrays.emplace_back(R"("bn1.num_batches_tracked":{"dtype":"I64","shape":[])");
    }
    std::size_t count = 0;
    for (auto place = file.find("data_offsets"); place != std::string::npos;
         place = file.find("data_offsets", place + 1))
      ++count;
    BOOST_TEST(count == arrays.size() - 1);
    for (const auto& array : arrays) BOOST_TEST(file.find(array) != std::string::npos, array);
  }
}

BOOST_AUTO_TEST_CASE(pytorch_itself_loads_them_and_computes_the_same) {
  if (run_command("python3 -c 'import torch, safetensors.torch'", *this / "").status != 0) {
    BOOST_TEST_MESSAGE("python3 has no torch and safetensors here: not tried with PyTorch itself");
    return;
  }
  BOOST_REQUIRE(run("data digits --out digits").status == 0);
  for (const char* model : {"plain", "bn"}) {
    BOOST_REQUIRE(
        run(fmt::format("train --model {0} --limit 1280 --epochs 2 --quiet --out {0}", model)).status == 0);
    BOOST_REQUIRE(
        run(fmt::format("export {0}/model.safetensors --names torch --safetensors {0}.safetensors", model))
            .status == 0);
    const auto script = source_root() / "tests/tools/commands/pytorch_logits.py";
    const auto predicted = json_of(fmt::format(
        "predict {}/model.safetensors digits/t10k-images-idx3-ubyte.gz --top 10 --invert never", model));
    std::ofstream{*this / "predicted.json"} << predicted.dump();
    const auto done = run_command(
        fmt::format("python3 '{}' {} {}.safetensors digits predicted.json", script.string(), model, model),
        *this / "");
    BOOST_TEST(done.status == 0, done.out << done.err);
    BOOST_TEST_MESSAGE(done.out);
  }
}

// As a folder from another system may be called.
BOOST_AUTO_TEST_CASE(names_of_classes_need_not_be_text) {
  for (const char* name : {"a\xFF", "a\xFE"}) {
    for (const char* part : {"train", "test"}) {
      const auto place = *this / (std::string{"odd/"} + part + "/" + name);
      std::filesystem::create_directories(place);
      for (int i = 0; i < 10; ++i)
        tools::write_png(place / fmt::format("{}.png", i), picture_of(name[1] & 1));
    }
  }
  const auto trained = run("train --data odd --epochs 1 --batch-size 4 --threads 1 --quiet --out of-odd");
  BOOST_TEST(trained.status == 0, trained.err);
  BOOST_TEST(results_in(*this / "of-odd").contains("runs"));
  BOOST_TEST(json_of("evaluate of-odd/model.safetensors --data odd").at("classes").at(0) == "a\xEF\xBF\xBD");
  std::filesystem::copy_file(*this / "odd/test/a\xFF/0.png", *this / "x\xFF.png");
  const auto predicted = json_of("predict of-odd/model.safetensors x*.png");
  BOOST_TEST(predicted.at(0).at("file") == "x\xEF\xBF\xBD.png");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
