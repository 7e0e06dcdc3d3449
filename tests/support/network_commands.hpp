#pragma once

// What the tests of the commands on networks share: a trained network, and pictures of its classes.

#include <filesystem>
#include <string>
#include <vector>

#include "keel/tools/data/fit_image.hpp"
#include "keel/tools/data/png.hpp"
#include "trained_folder.hpp"

namespace keel::test {

struct NetworkCommands : TrainedFolder {
  NetworkCommands() { train("--model bn --epochs 8 --batch-size 32 --quiet --out trained"); }

  [[nodiscard]] tools::Json json_of(const std::string& arguments) const {
    const auto finished = run(arguments + " --json");
    BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
    return tools::Json::parse(finished.out);
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

}  // namespace keel::test
