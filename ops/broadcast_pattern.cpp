#include "keel/ops/broadcast_pattern.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "keel/ops/broadcasting.hpp"

namespace keel {
namespace {

// What runs along the axes of `shape` as they lie in memory, padded to `rank`.
Shape in_memory(const Shape& shape, std::size_t rank, MemoryFormat format) {
  const Shape whole = padded(shape, rank);
  if (format == MemoryFormat::row_major) return whole;
  return {whole[0], whole[2], whole[3], whole[1]};
}

BroadcastPattern fewest_axes(const Shape& a, const Shape& b, const Shape& dst) {
  std::vector<std::int64_t> a_extents{1};
  std::vector<std::int64_t> b_extents{1};
  std::vector<std::int64_t> dst_extents{1};
  for (std::size_t axis = 0; axis < dst.rank(); ++axis) {
    if (dst[axis] == 1) continue;
    const bool same_pattern = (a_extents.back() == dst_extents.back()) == (a[axis] == dst[axis]) &&
                              (b_extents.back() == dst_extents.back()) == (b[axis] == dst[axis]);
    if (!same_pattern && dst_extents.back() > 1) {
      a_extents.push_back(1);
      b_extents.push_back(1);
      dst_extents.push_back(1);
    }
    a_extents.back() *= a[axis];
    b_extents.back() *= b[axis];
    dst_extents.back() *= dst[axis];
  }
  return {Shape{a_extents}, Shape{b_extents}, Shape{dst_extents}};
}

}  // namespace

BroadcastPattern broadcast_pattern(const Shape& a, const Shape& b, const Shape& dst, MemoryFormat format) {
  const auto rank = std::max<std::size_t>(dst.rank(), 1);
  return fewest_axes(in_memory(a, rank, format), in_memory(b, rank, format), in_memory(dst, rank, format));
}

}  // namespace keel
