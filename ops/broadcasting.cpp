#include "keel/ops/broadcasting.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace keel {

Shape padded(const Shape& shape, std::size_t rank) {
  std::array<std::int64_t, Shape::max_rank> extents{};
  std::ranges::fill(extents, 1);
  std::ranges::copy(shape.extents(), extents.begin() + static_cast<std::ptrdiff_t>(rank - shape.rank()));
  return Shape{std::span{extents}.first(rank)};
}

std::int64_t broadcast_index(std::int64_t index, const Shape& whole, const Shape& part) {
  std::int64_t result = 0;
  std::int64_t stride = 1;
  for (std::size_t back = 1; back <= part.rank(); ++back) {
    const auto whole_extent = whole[whole.rank() - back];
    const auto extent = part[part.rank() - back];
    if (extent > 1) result += index % whole_extent * stride;
    index /= whole_extent;
    stride *= extent;
  }
  return result;
}

Runs runs_of(const Shape& whole, const Shape& part) {
  std::size_t axis = whole.rank();
  while (axis > 0 && whole[axis - 1] == 1) --axis;
  Runs runs{.length = 1, .stretched = axis > 0 && part[axis - 1] == 1};
  for (; axis > 0; --axis) {
    if (whole[axis - 1] == 1) continue;
    if ((part[axis - 1] == 1) != runs.stretched) break;
    runs.length *= whole[axis - 1];
  }
  return runs;
}

}  // namespace keel
