#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "keel/runtime/tensor.hpp"

namespace keel::test {

/// Rows `begin` to `end` of an array, copied.
inline Tensor rows_of(const Tensor& tensor, std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> extents(tensor.shape().extents().begin(), tensor.shape().extents().end());
  const auto row_bytes = tensor.type().bytes() / static_cast<std::size_t>(extents[0]);
  extents[0] = end - begin;
  Tensor part{Shape{extents}, tensor.dtype()};
  std::copy_n(tensor.bytes() + static_cast<std::size_t>(begin) * row_bytes, part.type().bytes(),
              part.bytes());
  return part;
}

/// Where each rank's rows begin, and the last one's end.
inline std::vector<std::int64_t> begins_of(std::span<const std::int64_t> rows) {
  std::vector<std::int64_t> begins{0};
  for (const auto count : rows) begins.push_back(begins.back() + count);
  return begins;
}

}  // namespace keel::test
