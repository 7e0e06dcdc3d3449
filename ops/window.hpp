#pragma once

#include <cstdint>
#include <string>

#include "keel/runtime/shape.hpp"
#include "keel/runtime/window.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// What convolution and pooling share: how many windows fit into an image, and what each of them covers.

/// Height and width of images (N, C, H, W).
Size2d image_size(const Shape& shape);

/// Throws ShapeError when a kernel, stride or dilation is below 1, a padding negative or any of them beyond 2^30.
void require_window(const Window& window);

/// How many windows there are, down and across: floor((image + 2 padding - span) / stride) + 1 with a span of
/// (kernel - 1) dilation + 1. Throws ShapeError as `require_window` does, and when the span is larger than the
/// padded image.
Size2d windows_in(const Size2d& image, const Window& window);

/// "(3, 5)".
std::string to_string(const Size2d& size);

/// One place that a window covers: the window, the place within the kernel and the pixel, each counted row by
/// row.
struct Tap {
  std::int64_t window;
  std::int64_t kernel;
  std::int64_t pixel;
};

/// Calls `each` for every pixel that every window covers; padding is left out.
template <class Each>
void for_each_tap(const Size2d& image, const Size2d& windows, const Window& window, const Each& each) {
  const auto [kernel, stride, padding, dilation] = window;
  for (std::int64_t row = 0; row < windows.height; ++row) {
    for (std::int64_t column = 0; column < windows.width; ++column) {
      for (std::int64_t i = 0; i < kernel.height; ++i) {
        const auto h = row * stride.height - padding.height + i * dilation.height;
        if (h < 0 || h >= image.height) continue;
        for (std::int64_t j = 0; j < kernel.width; ++j) {
          const auto w = column * stride.width - padding.width + j * dilation.width;
          if (w < 0 || w >= image.width) continue;
          each(Tap{row * windows.width + column, i * kernel.width + j, h * image.width + w});
        }
      }
    }
  }
}

}  // namespace keel

#pragma GCC visibility pop
