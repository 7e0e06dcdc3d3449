#pragma once

#include <cstdint>

namespace keel {

/// A height and a width: of an image, a kernel, a stride or a padding. One number stands for both.
struct Size2d {
  std::int64_t height;
  std::int64_t width;

  // Implicit, so that stride = 2 can be written.
  constexpr Size2d(std::int64_t both) : height(both), width(both) {}  // NOLINT(google-explicit-constructor)
  constexpr Size2d(std::int64_t rows, std::int64_t columns) : height(rows), width(columns) {}
  bool operator==(const Size2d&) const = default;
};

/// How a kernel moves over an image: it starts `padding` above and to the left of it, and goes on by `stride`
/// as long as it lies within the image and as much padding on the other side. Its places are `dilation` pixels
/// apart.
struct Window {
  Size2d kernel;
  Size2d stride = 1;
  Size2d padding = 0;
  Size2d dilation = 1;

  /// How many pixels a dilated kernel spans.
  [[nodiscard]] constexpr Size2d span() const {
    return {(kernel.height - 1) * dilation.height + 1, (kernel.width - 1) * dilation.width + 1};
  }
};

}  // namespace keel
