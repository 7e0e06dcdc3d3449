#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/pooling_geometry.hpp"
#include "keel/ops/pooling_kernels.hpp"

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

// Windows of more pixels are summed up by loops: of equal terms the error of a sum in f32, one after another,
// grows by one unit of roundoff with every six, and must stay below 2 + 4 times the root of their number.
bool is_large(const Pooling& of) {
  return of.window.kernel.height * of.window.kernel.width > 512;
}

double area_of(const Pooling& of) {
  return static_cast<double>(of.window.kernel.height * of.window.kernel.width);
}

// Each pixel of dst, images of shape `to`, is the sum of the pixels of src over the kernel's area: those in
// `rows(of, row)` and `columns(of, column)`.
using Covered = Range (*)(const Pooling& of, std::int64_t place);

Kernel sums_by_loops(const Pooling& of, const Shape& from, const Shape& to, Covered rows, Covered columns,
                     const Binding& binding) {
  return {[=, src = binding.input<const float>(0), dst = binding.output<float>(0)] {
            for_each_row(to, [&](std::int64_t n, std::int64_t row) {
              const auto [top, bottom] = rows(of, row);
              for (std::int64_t column = 0; column < to[3]; ++column) {
                const auto [left, right] = columns(of, column);
                loops::scaled_sum_of_pixels(src.get() + place_in(from, n, 0, 0), from[3], from[1],
                                            {top, bottom, left, right}, area_of(of),
                                            dst.get() + place_in(to, n, row, column));
              }
            });
          },
          "loop"};
}

}  // namespace

Kernel average(const Pooling& of, const Binding& binding) {
  if (is_large(of)) return sums_by_loops(of, of.src, of.dst, covered_rows, covered_columns, binding);
  auto call = onednn::average_pooling_forward(of);
  call.argument(DNNL_ARG_SRC, onednn::image(of.src, MemoryFormat::channels_last), binding.input_slot(0));
  call.argument(DNNL_ARG_DST, onednn::image(of.dst, MemoryFormat::channels_last), binding.output_slot(0));
  return finish(std::move(call), binding);
}

Kernel average_backward(const Pooling& of, const Binding& binding) {
  if (is_large(of)) return sums_by_loops(of, of.dst, of.src, covering_rows, covering_columns, binding);
  auto call = onednn::average_pooling_backward(of);
  call.argument(DNNL_ARG_DIFF_DST, onednn::image(of.dst, MemoryFormat::channels_last), binding.input_slot(0));
  call.argument(DNNL_ARG_DIFF_SRC, onednn::image(of.src, MemoryFormat::channels_last),
                binding.output_slot(0));
  return finish(std::move(call), binding);
}

}  // namespace keel
