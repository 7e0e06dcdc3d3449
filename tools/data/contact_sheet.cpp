#include "keel/tools/data/contact_sheet.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

constexpr std::int64_t line_width = 2;
constexpr std::uint8_t line_grey = 96;

std::int64_t sheet_side(std::int64_t cells, std::int64_t cell) {
  return cells * (cell + line_width) + line_width;
}

std::vector<std::int64_t> images_of_class(const ImageSet& set, int label) {
  std::vector<std::int64_t> images;
  for (std::int64_t i = 0; i < set.size(); ++i)
    if (set.labels[static_cast<std::size_t>(i)] == label) images.push_back(i);
  return images;
}

void place_image(const ImageSet& set, std::int64_t index, GreyImage& sheet, std::int64_t top,
                 std::int64_t left) {
  const auto image = set.image(index);
  for (std::int64_t y = 0; y < set.height; ++y) {
    const auto row =
        image.subspan(static_cast<std::size_t>(y * set.width), static_cast<std::size_t>(set.width));
    std::ranges::copy(row, sheet.pixels.begin() + (top + y) * sheet.width + left);
  }
}

}  // namespace

GreyImage contact_sheet(const ImageSet& set, int classes, int columns) {
  GreyImage sheet{.height = sheet_side(classes, set.height), .width = sheet_side(columns, set.width)};
  if (sheet.height > most_png_pixels / sheet.width) {
    throw Error{fmt::format("a sheet of {} x {} images of {} x {} pixels would have more than {} pixels",
                            classes, columns, set.height, set.width, most_png_pixels)};
  }
  sheet.pixels.assign(static_cast<std::size_t>(sheet.height * sheet.width), line_grey);
  for (int label = 0; label < classes; ++label) {
    const auto images = images_of_class(set, label);
    const auto count = std::ssize(images);
    const auto shown = std::min<std::int64_t>(count, columns);
    for (std::int64_t column = 0; column < shown; ++column) {
      place_image(set, images[static_cast<std::size_t>(column * count / shown)], sheet,
                  sheet_side(label, set.height), sheet_side(column, set.width));
    }
  }
  return sheet;
}

}  // namespace keel::tools
