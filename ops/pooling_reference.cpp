#include <algorithm>
#include <cmath>
#include <cstdint>

#include "keel/ops/pooling_kernels.hpp"
#include "keel/ops/window.hpp"

namespace keel {
namespace {

// Calls `each` with a window's place in dst and a pixel's in src, for every pixel of every window, channel by
// channel.
template <class Each>
void for_each_pixel(const onednn::Pooling& of, const Each& each) {
  const auto src_size = image_size(of.src);
  const auto dst_size = image_size(of.dst);
  for (std::int64_t plane = 0; plane < of.src[0] * of.src[1]; ++plane) {
    const auto first_pixel = plane * src_size.height * src_size.width;
    const auto first_window = plane * dst_size.height * dst_size.width;
    for_each_tap(src_size, dst_size, of.window,
                 [&](const Tap& tap) { each(first_window + tap.window, first_pixel + tap.pixel); });
  }
}

double window_area(const onednn::Pooling& of) {
  return static_cast<double>(of.window.kernel.height * of.window.kernel.width);
}

}  // namespace

Kernel reference_max(const onednn::Pooling& of, const Binding& binding) {
  return {[of, src = binding.input<const double>(0), dst = binding.output<double>(0),
           places = binding.output<std::int32_t>(1)] {
            constexpr std::int32_t none = -1;
            const auto pixels = of.src[2] * of.src[3];
            const auto* x = src.get();
            auto* y = dst.get();
            auto* place = places.get();
            std::fill_n(place, of.dst.elements(), none);
            for_each_pixel(of, [&](std::int64_t window, std::int64_t pixel) {
              if (place[window] != none && !(x[pixel] > y[window]) && !std::isnan(x[pixel])) return;
              y[window] = x[pixel];
              place[window] = static_cast<std::int32_t>(pixel % pixels);
            });
          },
          "reference"};
}

Kernel reference_max_backward(const onednn::Pooling& of, const Binding& binding) {
  return {[of, grad_dst = binding.input<const double>(0), places = binding.input<const std::int32_t>(1),
           grad_src = binding.output<double>(0)] {
            const auto pixels = of.src[2] * of.src[3];
            const auto windows = of.dst[2] * of.dst[3];
            std::fill_n(grad_src.get(), of.src.elements(), 0.0);
            for (std::int64_t k = 0; k < of.dst.elements(); ++k)
              grad_src.get()[k / windows * pixels + places.get()[k]] += grad_dst.get()[k];
          },
          "reference"};
}

Kernel reference_average(const onednn::Pooling& of, const Binding& binding) {
  return {[of, src = binding.input<const double>(0), dst = binding.output<double>(0)] {
            std::fill_n(dst.get(), of.dst.elements(), 0.0);
            for_each_pixel(
                of, [x = src.get(), y = dst.get()](auto window, auto pixel) { y[window] += x[pixel]; });
            for (std::int64_t k = 0; k < of.dst.elements(); ++k) dst.get()[k] /= window_area(of);
          },
          "reference"};
}

Kernel reference_average_backward(const onednn::Pooling& of, const Binding& binding) {
  return {[of, grad_dst = binding.input<const double>(0), grad_src = binding.output<double>(0)] {
            std::fill_n(grad_src.get(), of.src.elements(), 0.0);
            for_each_pixel(of, [dx = grad_src.get(), dy = grad_dst.get(), area = window_area(of)](
                                   auto window, auto pixel) { dx[pixel] += dy[window] / area; });
          },
          "reference"};
}

}  // namespace keel
