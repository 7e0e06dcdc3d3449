// `keel predict` as its users meet it.

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

BOOST_FIXTURE_TEST_SUITE(predict_command, NetworkCommands)

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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
