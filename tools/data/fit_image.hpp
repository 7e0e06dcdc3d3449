#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// A grey image, row by row, 0 black to 255 white.
struct ImageView {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::span<const std::uint8_t> pixels;
};

/// Whether what an image shows stands on a light ground: whether its border is, on the mean, nearer to white.
bool has_light_background(const ImageView& image);
/// The same of all images of a set together.
bool has_light_background(const ImageSet& set);

/// Black for white and white for black.
std::vector<std::uint8_t> inverted(std::span<const std::uint8_t> pixels);

/// An image in another size: scaled as a whole, as large as it fits, and put in the middle, on the mean grey
/// of its border. Shrunk, a pixel is the mean of the area that it covers; enlarged, it is interpolated
/// between the four nearest. An image of that size stays as it is. All sizes must be positive.
std::vector<std::uint8_t> fit_image(const ImageView& image, std::int64_t height, std::int64_t width);

}  // namespace keel::tools
