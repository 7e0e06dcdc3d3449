#include "keel/tools/data/fit_image.hpp"

#include <algorithm>
#include <cmath>

namespace keel::tools {
namespace {

std::uint8_t rounded_byte(double value) {
  return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

double border_mean(const ImageView& image) {
  double sum = 0.0;
  std::int64_t count = 0;
  for (std::int64_t y = 0; y < image.height; ++y) {
    const bool whole_row = y == 0 || y == image.height - 1;
    const auto step = whole_row ? 1 : std::max<std::int64_t>(1, image.width - 1);
    for (std::int64_t x = 0; x < image.width; x += step) {
      sum += image.pixels[static_cast<std::size_t>(y * image.width + x)];
      ++count;
    }
  }
  return sum / static_cast<double>(count);
}

// What pixel `i` of `to` along an axis takes of the `from` there are, as `take(pixel, weight)`: by area, or,
// where there are fewer, of the two whose middles are nearest.
void for_each_share(std::int64_t i, std::int64_t from, std::int64_t to, auto&& take) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  if (scale <= 1.0) {
    const double middle =
        std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0, static_cast<double>(from - 1));
    const auto first = static_cast<std::int64_t>(middle);
    const double part = middle - static_cast<double>(first);
    take(first, 1.0 - part);
    if (part > 0.0) take(first + 1, part);
    return;
  }
  const double begin = static_cast<double>(i) * scale;
  const double end = std::min(begin + scale, static_cast<double>(from));
  for (auto pixel = static_cast<std::int64_t>(begin); static_cast<double>(pixel) < end; ++pixel) {
    const auto left = static_cast<double>(pixel);
    take(pixel, (std::min(end, left + 1.0) - std::max(begin, left)) / (end - begin));
  }
}

}  // namespace

bool has_light_background(const ImageView& image) {
  return border_mean(image) > 127.5;
}

bool has_light_background(const ImageSet& set) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < set.size(); ++i) sum += border_mean({set.height, set.width, set.image(i)});
  return set.size() > 0 && sum / static_cast<double>(set.size()) > 127.5;
}

std::vector<std::uint8_t> inverted(std::span<const std::uint8_t> pixels) {
  std::vector<std::uint8_t> result(pixels.begin(), pixels.end());
  for (auto& pixel : result) pixel = static_cast<std::uint8_t>(255 - pixel);
  return result;
}

std::vector<std::uint8_t> fit_image(const ImageView& image, std::int64_t height, std::int64_t width) {
  if (image.height == height && image.width == width) return {image.pixels.begin(), image.pixels.end()};
  const double scale = std::min(static_cast<double>(height) / static_cast<double>(image.height),
                                static_cast<double>(width) / static_cast<double>(image.width));
  const auto scaled = [&](std::int64_t extent, std::int64_t most) {
    return std::clamp<std::int64_t>(std::llround(static_cast<double>(extent) * scale), 1, most);
  };
  const auto to_height = scaled(image.height, height);
  const auto to_width = scaled(image.width, width);
  std::vector<std::uint8_t> result(static_cast<std::size_t>(height * width),
                                   rounded_byte(border_mean(image)));
  for (std::int64_t y = 0; y < to_height; ++y) {
    for (std::int64_t x = 0; x < to_width; ++x) {
      double sum = 0.0;
      for_each_share(y, image.height, to_height, [&](std::int64_t row, double row_weight) {
        for_each_share(x, image.width, to_width, [&](std::int64_t column, double weight) {
          sum += row_weight * weight * image.pixels[static_cast<std::size_t>(row * image.width + column)];
        });
      });
      const auto place = (y + (height - to_height) / 2) * width + x + (width - to_width) / 2;
      result[static_cast<std::size_t>(place)] = rounded_byte(sum);
    }
  }
  return result;
}

}  // namespace keel::tools
