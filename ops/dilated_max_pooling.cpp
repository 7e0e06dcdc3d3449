#include <algorithm>
#include <cstdint>
#include <vector>

#include "keel/ops/pooling_geometry.hpp"
#include "keel/ops/pooling_kernels.hpp"
#include "keel/ops/window.hpp"

#pragma GCC visibility push(hidden)

namespace keel::loops {

// The largest of what dst holds and one pixel, channel by channel; NaN is larger than any number.
KEEL_EACH_WIDTH void max_with_pixel(const float* __restrict values, std::int32_t pixel, std::int64_t channels,
                                    float* __restrict dst, std::int32_t* __restrict places) {
  for (std::int64_t k = 0; k < channels; ++k) {
    const bool wins = (values[k] > dst[k]) | (values[k] != values[k]);
    dst[k] = wins ? values[k] : dst[k];
    places[k] = wins ? pixel : places[k];
  }
}

}  // namespace keel::loops

#pragma GCC visibility pop

namespace keel {
namespace {

// By window along one direction, the pixels that it covers.
std::vector<std::vector<std::int64_t>> covered_pixels(std::int64_t windows, std::int64_t pixels,
                                                      std::int64_t kernel, std::int64_t stride,
                                                      std::int64_t padding, std::int64_t dilation) {
  std::vector<std::vector<std::int64_t>> covered(static_cast<std::size_t>(windows));
  for (std::int64_t window = 0; window < windows; ++window) {
    for (std::int64_t i = 0; i < kernel; ++i) {
      const auto pixel = window * stride - padding + i * dilation;
      if (pixel >= 0 && pixel < pixels) covered[static_cast<std::size_t>(window)].push_back(pixel);
    }
  }
  return covered;
}

}  // namespace

Kernel dilated_max_by_loops(const onednn::Pooling& of, const Binding& binding) {
  const auto& [kernel, stride, padding, dilation] = of.window;
  return {
      [of, src = binding.input<const float>(0), dst = binding.output<float>(0),
       places = binding.output<std::int32_t>(1),
       rows = covered_pixels(of.dst[2], of.src[2], kernel.height, stride.height, padding.height,
                             dilation.height),
       columns =
           covered_pixels(of.dst[3], of.src[3], kernel.width, stride.width, padding.width, dilation.width)] {
        const auto channels = of.src[1];
        for_each_row(of.dst, [&](std::int64_t n, std::int64_t row) {
          const auto* image = src.get() + place_in(of.src, n, 0, 0);
          for (std::int64_t column = 0; column < of.dst[3]; ++column) {
            const auto window = place_in(of.dst, n, row, column);
            bool first = true;
            for (const auto h : rows[static_cast<std::size_t>(row)]) {
              for (const auto w : columns[static_cast<std::size_t>(column)]) {
                const auto pixel = static_cast<std::int32_t>(h * of.src[3] + w);
                const auto* values = image + pixel * channels;
                if (first) {
                  std::copy_n(values, channels, dst.get() + window);
                  std::fill_n(places.get() + window, channels, pixel);
                } else {
                  loops::max_with_pixel(values, pixel, channels, dst.get() + window, places.get() + window);
                }
                first = false;
              }
            }
          }
        });
      },
      "loop"};
}

}  // namespace keel
