#include "keel/tools/data/crop.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace keel::tools {
namespace {

std::uint8_t most_frequent(const std::vector<std::uint8_t>& pixels) {
  std::array<std::int64_t, 256> counts{};
  for (const auto pixel : pixels) ++counts[pixel];
  return static_cast<std::uint8_t>(std::ranges::max_element(counts) - counts.begin());
}

// By row and by column, the images that have something there.
struct BusyCounts {
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> columns;
};

BusyCounts count_busy(const ImageSet& set) {
  const auto height = static_cast<std::size_t>(set.height);
  const auto width = static_cast<std::size_t>(set.width);
  const auto background = most_frequent(set.pixels);
  BusyCounts counts{std::vector<std::int64_t>(height), std::vector<std::int64_t>(width)};
  std::vector<std::uint8_t> columns(width);
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const auto image = set.image(i);
    std::ranges::fill(columns, std::uint8_t{0});
    for (std::size_t row = 0; row < height; ++row) {
      bool is_busy = false;
      for (std::size_t column = 0; column < width; ++column) {
        if (image[row * width + column] == background) continue;
        is_busy = true;
        columns[column] = 1;
      }
      counts.rows[row] += is_busy ? 1 : 0;
    }
    for (std::size_t column = 0; column < width; ++column) counts.columns[column] += columns[column];
  }
  return counts;
}

struct Stretch {
  std::int64_t begin;
  std::int64_t length;
};

// From the first to the last of `counts` that reaches `least`.
Stretch busy_stretch(const std::vector<std::int64_t>& counts, double least) {
  const auto is_busy = [least](std::int64_t count) { return static_cast<double>(count) >= least; };
  const auto first = std::ranges::find_if(counts, is_busy);
  const auto last = std::find_if(counts.rbegin(), counts.rend(), is_busy).base();
  if (last - first < 2) return {0, std::ssize(counts)};
  return {first - counts.begin(), last - first};
}

}  // namespace

Crop busy_part(const ImageSet& set) {
  const auto counts = count_busy(set);
  const double least = least_busy_share * static_cast<double>(set.size());
  const auto rows = busy_stretch(counts.rows, least);
  const auto columns = busy_stretch(counts.columns, least);
  return {.top = rows.begin, .left = columns.begin, .rows = rows.length, .columns = columns.length};
}

}  // namespace keel::tools
