#include <algorithm>
#include <array>

#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/pooling_geometry.hpp"
#include "keel/ops/pooling_kernels.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {

namespace loops {

// dst = the sum of the pixels over `area`: in f32 over a few of them, then in double.
KEEL_EACH_WIDTH void scaled_sum_of_pixels(const float* __restrict src, std::int64_t width,
                                          std::int64_t channels, const Rectangle& pixels, double area,
                                          float* __restrict dst) {
  constexpr std::int64_t block = 64;
  constexpr int pixels_a_part = 32;
  for (std::int64_t begin = 0; begin < channels; begin += block) {
    const auto count = std::min(block, channels - begin);
    std::array<double, block> sums{};
    std::array<float, block> part{};
    int in_part = 0;
    const auto add_part = [&] {
      for (std::int64_t k = 0; k < count; ++k) {
        const auto i = static_cast<std::size_t>(k);
        sums[i] += static_cast<double>(part[i]);
        part[i] = 0.0F;
      }
      in_part = 0;
    };
    for (auto row = pixels.top; row < pixels.bottom; ++row) {
      for (auto column = pixels.left; column < pixels.right; ++column) {
        const auto* values = src + (row * width + column) * channels + begin;
        for (std::int64_t k = 0; k < count; ++k) part[static_cast<std::size_t>(k)] += values[k];
        if (++in_part == pixels_a_part) add_part();
      }
    }
    add_part();
    for (std::int64_t k = 0; k < count; ++k)
      dst[begin + k] = static_cast<float>(sums[static_cast<std::size_t>(k)] / area);
  }
}

}  // namespace loops

namespace {

using onednn::Pooling;

constexpr std::int64_t elements_per_thread = 1 << 13;

// Calls `each(n, row, column)` for every pixel of images of shape `of`, row by row on several threads.
template <class Each>
void for_each_pixel_of(const Shape& of, const Each& each) {
  const auto grain = std::max<std::int64_t>(1, elements_per_thread / (of[1] * of[3]));
  parallel_for(of[0] * of[2], grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      for (std::int64_t column = 0; column < of[3]; ++column) each(i / of[2], i % of[2], column);
    }
  });
}

Rectangle pixels_of(const Pooling& of, std::int64_t row, std::int64_t column) {
  const auto [rows, columns] = std::pair{covered_rows(of, row), covered_columns(of, column)};
  return {rows.begin, rows.end, columns.begin, columns.end};
}

Rectangle windows_of(const Pooling& of, std::int64_t row, std::int64_t column) {
  const auto [rows, columns] = std::pair{covering_rows(of, row), covering_columns(of, column)};
  return {rows.begin, rows.end, columns.begin, columns.end};
}

// Windows of more pixels are summed up by loops: of equal terms the error of a sum in f32, one after another,
// grows by one unit of roundoff with every six, and must stay below 2 + 4 times the root of their number.
bool is_large(const Pooling& of) {
  return of.window.kernel.height * of.window.kernel.width > 512;
}

double area_of(const Pooling& of) {
  return static_cast<double>(of.window.kernel.height * of.window.kernel.width);
}

}  // namespace

Kernel average(const Pooling& of, const Binding& binding) {
  if (!is_large(of)) {
    auto call = onednn::average_pooling_forward(of);
    call.argument(DNNL_ARG_SRC, onednn::image(of.src, MemoryFormat::channels_last), binding.input_slot(0));
    call.argument(DNNL_ARG_DST, onednn::image(of.dst, MemoryFormat::channels_last), binding.output_slot(0));
    return finish(std::move(call), binding);
  }
  return {[of, src = binding.input<const float>(0), dst = binding.output<float>(0)] {
            for_each_pixel_of(of.dst, [&](auto n, auto row, auto column) {
              loops::scaled_sum_of_pixels(src.get() + place_in(of.src, n, 0, 0), of.src[3], of.src[1],
                                          pixels_of(of, row, column), area_of(of),
                                          dst.get() + place_in(of.dst, n, row, column));
            });
          },
          "loop"};
}

Kernel average_backward(const Pooling& of, const Binding& binding) {
  if (!is_large(of)) {
    const auto format = MemoryFormat::channels_last;
    auto call = onednn::average_pooling_backward(of);
    call.argument(DNNL_ARG_DIFF_DST, onednn::image(of.dst, format), binding.input_slot(0));
    call.argument(DNNL_ARG_DIFF_SRC, onednn::image(of.src, format), binding.output_slot(0));
    return finish(std::move(call), binding);
  }
  return {[of, grad_dst = binding.input<const float>(0), grad_src = binding.output<float>(0)] {
            for_each_pixel_of(of.src, [&](auto n, auto row, auto column) {
              loops::scaled_sum_of_pixels(grad_dst.get() + place_in(of.dst, n, 0, 0), of.dst[3], of.dst[1],
                                          windows_of(of, row, column), area_of(of),
                                          grad_src.get() + place_in(of.src, n, row, column));
            });
          },
          "loop"};
}

}  // namespace keel
