#pragma once

#include <algorithm>
#include <cstdint>

#include "keel/runtime/onednn.hpp"
#include "keel/runtime/threads.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// Which pixels a pooling's windows cover, and which windows cover a pixel, for images whose channels lie last.

struct Range {
  std::int64_t begin, end;
};

/// Pixels of one image, or windows over it: from row `top` up to `bottom`, from column `left` up to `right`.
struct Rectangle {
  std::int64_t top, bottom;
  std::int64_t left, right;
};

/// The pixels along one direction that a window covers.
inline Range covered(std::int64_t window, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                     std::int64_t pixels) {
  const auto first = window * stride - padding;
  return {std::max<std::int64_t>(first, 0), std::min(first + kernel, pixels)};
}

/// The windows along one direction that cover a pixel.
inline Range covering(std::int64_t pixel, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                      std::int64_t windows) {
  const auto last = (pixel + padding) / stride;
  const auto behind_first = pixel + padding - kernel;  // this and earlier ones end before the pixel
  const auto first = behind_first < 0 ? 0 : behind_first / stride + 1;
  return {first, std::min(last + 1, windows)};
}

inline Range covered_rows(const onednn::Pooling& of, std::int64_t row) {
  const auto& [kernel, stride, padding, dilation] = of.window;
  return covered(row, kernel.height, stride.height, padding.height, of.src[2]);
}

inline Range covered_columns(const onednn::Pooling& of, std::int64_t column) {
  const auto& [kernel, stride, padding, dilation] = of.window;
  return covered(column, kernel.width, stride.width, padding.width, of.src[3]);
}

inline Range covering_rows(const onednn::Pooling& of, std::int64_t row) {
  const auto& [kernel, stride, padding, dilation] = of.window;
  return covering(row, kernel.height, stride.height, padding.height, of.dst[2]);
}

inline Range covering_columns(const onednn::Pooling& of, std::int64_t column) {
  const auto& [kernel, stride, padding, dilation] = of.window;
  return covering(column, kernel.width, stride.width, padding.width, of.dst[3]);
}

/// Where pixel (row, column) of image `n` begins.
inline std::int64_t place_in(const Shape& images, std::int64_t n, std::int64_t row, std::int64_t column) {
  return ((n * images[2] + row) * images[3] + column) * images[1];
}

/// Calls `body(n, row)` for each row of each of images of shape `of`, on several threads.
template <class Body>
void for_each_row(const Shape& of, const Body& body) {
  constexpr std::int64_t elements_per_thread = 1 << 13;
  const auto grain = std::max<std::int64_t>(1, elements_per_thread / (of[1] * of[3]));
  parallel_for(of[0] * of[2], grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = begin; row < end; ++row) body(row / of[2], row % of[2]);
  });
}

}  // namespace keel

#pragma GCC visibility pop
