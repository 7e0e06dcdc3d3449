// `keel evaluate`, `predict` and `export` as their users meet them.

#include <fstream>

#include "../../support/trained_folder.hpp"
#include "keel/models/checkpoint.hpp"
#include "keel/tools/commands/evaluate_command.hpp"
#include "keel/tools/data/fit_image.hpp"
#include "keel/tools/data/idx_writer.hpp"
#include "keel/tools/data/png.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using tools::Json;

struct NetworkCommands : TrainedFolder {
  NetworkCommands() { train("--model bn --epochs 8 --batch-size 32 --quiet --out trained"); }

  [[nodiscard]] Json json_of(const std::string& arguments) const {
    const auto finished = run(arguments + " --json");
    BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
    return Json::parse(finished.out);
  }

  // A picture of a class: the mean of its test images.
  [[nodiscard]] static tools::GreyImage picture_of(int label) {
    const auto& test = tiny_data().test;
    tools::GreyImage image{.height = 8, .width = 8, .pixels = std::vector<std::uint8_t>(64)};
    for (std::size_t pixel = 0; pixel < 64; ++pixel) {
      int sum = 0;
      for (std::int64_t i = label; i < 100; i += 5) sum += test.image(i)[pixel];
      image.pixels[pixel] = static_cast<std::uint8_t>(sum / 20);
    }
    return image;
  }

  // The same, each pixel a square of so many.
  static tools::GreyImage enlarged(const tools::GreyImage& image, std::int64_t times) {
    tools::GreyImage result{.height = image.height * times, .width = image.width * times, .pixels = {}};
    for (std::int64_t y = 0; y < result.height; ++y)
      for (std::int64_t x = 0; x < result.width; ++x)
        result.pixels.push_back(image.pixels[static_cast<std::size_t>(y / times * image.width + x / times)]);
    return result;
  }
};

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

BOOST_AUTO_TEST_CASE(predict_recognizes_pictures_of_any_size) {
  for (int label = 0; label < 5; ++label) {
    tools::write_png(*this / fmt::format("{}.png", label), picture_of(label));
    tools::write_png(*this / fmt::format("large-{}.png", label), enlarged(picture_of(label), 5));
  }
  const auto finished =
      run("predict trained/model.safetensors 0.png 1.png 2.png 3.png 4.png --top 2 --invert never");
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(std::ranges::count(finished.out, '\n') == 5);
  for (int label = 0; label < 5; ++label)
    BOOST_TEST(finished.out.find(fmt::format("{0}.png: {0} (", label)) != std::string::npos, finished.out);
  // Enlarged, a picture is shrunk to the very same.
  const auto small =
      json_of("predict trained/model.safetensors 0.png 1.png 2.png 3.png 4.png --top 9 --invert never");
  const auto large = json_of(
      "predict trained/model.safetensors large-0.png large-1.png large-2.png large-3.png large-4.png --top 9 --invert "
      "never");
  for (std::size_t i = 0; i < 5; ++i) {
    BOOST_TEST(large.at(i).at("predictions") == small.at(i).at("predictions"));
    BOOST_TEST(large.at(i).at("file") == fmt::format("large-{}.png", i));
    double sum = 0.0;
    double last = 1.0;
    BOOST_REQUIRE(small.at(i).at("predictions").size() == 5U);
    for (const auto& prediction : small.at(i).at("predictions")) {
      const auto probability = prediction.at("probability").get<double>();
      BOOST_TEST(probability <= last);
      sum += last = probability;
    }
    BOOST_TEST(sum == 1.0, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(small.at(i).at("predictions").at(0).at("class") == std::to_string(i));
  }
}

BOOST_AUTO_TEST_CASE(a_picture_on_another_ground_is_inverted_and_that_is_said) {
  auto picture = picture_of(2);
  const tools::ImageView view{8, 8, picture.pixels};
  const bool light = tools::has_light_background(tiny_data().train);
  if (tools::has_light_background(view) != light) picture.pixels = tools::inverted(picture.pixels);
  auto other = picture;
  other.pixels = tools::inverted(picture.pixels);
  tools::write_png(*this / "same.png", picture);
  tools::write_png(*this / "other.png", other);
  const auto same = run("predict trained/model.safetensors same.png");
  BOOST_TEST(same.err == "");
  const auto inverted = run("predict trained/model.safetensors other.png");
  BOOST_TEST(inverted.err.find("'other.png' is ") != std::string::npos, inverted.err);
  BOOST_TEST(inverted.err.find("inverted") != std::string::npos);
  const auto classes = [](const Finished& finished) { return finished.out.substr(finished.out.find(':')); };
  BOOST_TEST(classes(inverted) == classes(same));
  BOOST_TEST(classes(run("predict trained/model.safetensors other.png --invert always")) == classes(same));
  BOOST_TEST(classes(run("predict trained/model.safetensors other.png --invert never")) != classes(same));
}

BOOST_AUTO_TEST_CASE(predict_takes_idx_files_and_agrees_with_evaluate) {
  std::ofstream{*this / "images.gz", std::ios::binary} << tools::gzipped_idx_images(tiny_data().test);
  const auto json = json_of("predict trained/model.safetensors images.gz --top 1");
  BOOST_REQUIRE(json.size() == 100U);
  int right = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    BOOST_TEST(json.at(i).at("index") == i);
    if (json.at(i).at("predictions").at(0).at("class") == std::to_string(i % 5)) ++right;
  }
  BOOST_TEST(results_in(*this / "trained").at("runs").at(0).at("test_accuracy") == right / 100.0);
  const auto lines = run("predict trained/model.safetensors images.gz");
  BOOST_TEST(lines.out.find("images.gz[99]: ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_bad_picture_is_named_after_the_good_ones) {
  tools::write_png(*this / "good.png", picture_of(1));
  std::ofstream{*this / "bad.png"} << "no picture";
  const auto finished =
      run("predict trained/model.safetensors bad.png good.png missing.png --invert never 2>&1");
  BOOST_TEST(finished.status == 3);
  const auto good = finished.out.find("good.png: 1 (");
  BOOST_REQUIRE(good == 0U);
  BOOST_TEST(finished.out.find("keel: 'bad.png'") > good, finished.out);
  BOOST_TEST(finished.out.find("missing.png") != std::string::npos, finished.out);
  BOOST_TEST(std::ranges::count(finished.out, '\n') == 3, finished.out);
  BOOST_REQUIRE(run_command("mkfifo pipe.png", *this / "").status == 0);
  check_fails("predict trained/model.safetensors pipe.png", 3, {"pipe.png"});
  check_fails("predict trained/model.safetensors trained", 3, {"'trained'"});
  check_fails("predict trained/model.safetensors trained/model.safetensors", 3,
              {"'trained/model.safetensors' is neither a PNG picture nor an IDX file of images"});
  check_fails("predict nowhere.safetensors good.png", 3, {"nowhere.safetensors"});
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
