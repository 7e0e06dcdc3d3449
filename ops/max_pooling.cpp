#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "keel/ops/pooling_geometry.hpp"
#include "keel/ops/pooling_kernels.hpp"
#include "keel/runtime/threads.hpp"

#pragma GCC visibility push(hidden)

namespace keel::loops {

// Calls `loop(begin, count)` so that all channels are gone over, with counts that the compiler sees to be multiples
// of a vector's length: a loop over them has no remainder. Where channels are no such multiple, the last few are
// gone over twice.
template <class Loop>
[[gnu::always_inline]] inline void in_whole_vectors(std::int64_t channels, const Loop& loop) {
  const auto in_vectors_of = [&](std::int64_t length) __attribute__((always_inline)) {
    const auto count = channels / length * length;
    loop(0, count);
    if (count < channels) loop(channels - length, length);
  };
  if (channels % 16 == 0)
    in_vectors_of(16);
  else if (channels >= 8)
    in_vectors_of(8);
  else if (channels >= 4)
    in_vectors_of(4);
  else
    loop(0, channels);
}

// A row of windows: the rows of pixels that they cover, and what moves along these.
struct RowOfWindows {
  Range rows;
  std::int64_t windows;
  std::int64_t kernel, stride, padding;
  std::int64_t pixels, channels;
};

// A number that is known when compiled.
template <std::int64_t value>
using Constant = std::integral_constant<std::int64_t, value>;

// Calls `body` with `rows` and `columns` as constants, if both are from `first` to 3.
template <std::int64_t first, class Body>
[[gnu::always_inline]] inline bool with_constants(std::int64_t rows, std::int64_t columns, const Body& body) {
  const auto with_columns = [&](auto constant_rows) __attribute__((always_inline)) {
    if (columns == 3) return body(constant_rows, Constant<3>{}), true;
    if (columns == 2) return body(constant_rows, Constant<2>{}), true;
    if constexpr (first == 1) {
      if (columns == 1) return body(constant_rows, Constant<1>{}), true;
    }
    return false;
  };
  if (rows == 3) return with_columns(Constant<3>{});
  if (rows == 2) return with_columns(Constant<2>{});
  if constexpr (first == 1) {
    if (rows == 1) return with_columns(Constant<1>{});
  }
  return false;
}

// A value is larger if it is NaN, too.
[[gnu::always_inline]] inline void take_if_larger(float value, std::int32_t pixel, float& largest,
                                                  std::int32_t& place) {
  const bool wins = (value > largest) | (value != value);
  largest = wins ? value : largest;
  place = wins ? pixel : place;
}

// The largest of the `rows` times `columns` pixels from `first` on, which stay in registers.
template <std::int64_t rows, std::int64_t columns>
[[gnu::always_inline]] inline void max_of_whole_window(const float* __restrict image, std::int64_t count,
                                                       std::int64_t first, std::int64_t pixels,
                                                       std::int64_t channels, float* __restrict dst,
                                                       std::int32_t* __restrict places) {
  for (std::int64_t k = 0; k < count; ++k) {
    float largest = image[first * channels + k];
    auto place = static_cast<std::int32_t>(first);
    for (std::int64_t tap = 1; tap < rows * columns; ++tap) {
      const auto pixel = first + tap / columns * pixels + tap % columns;
      take_if_larger(image[pixel * channels + k], static_cast<std::int32_t>(pixel), largest, place);
    }
    dst[k] = largest;
    places[k] = place;
  }
}

// The largest of what dst holds and `count` pixels side by side.
template <std::int64_t count>
[[gnu::always_inline]] inline void max_with_pixels(const float* __restrict image, std::int64_t first,
                                                   std::int64_t channels, float* __restrict dst,
                                                   std::int32_t* __restrict places) {
  for (std::int64_t k = 0; k < channels; ++k) {
    float largest = dst[k];
    std::int32_t place = places[k];
    for (auto pixel = first; pixel < first + count; ++pixel)
      take_if_larger(image[pixel * channels + k], static_cast<std::int32_t>(pixel), largest, place);
    dst[k] = largest;
    places[k] = place;
  }
}

// Row by row, some pixels at a time. The last of a row overlap those before, which changes nothing: a pixel that is
// taken again is no larger than the largest, and of several NaN the last one still comes last.
[[gnu::always_inline]] inline void max_of_any_window(const float* image, const RowOfWindows& row,
                                                     const Range& columns, float* dst, std::int32_t* places) {
  constexpr std::int64_t several = 4;
  const auto first = row.rows.begin * row.pixels + columns.begin;
  std::copy_n(image + first * row.channels, row.channels, dst);
  std::fill_n(places, row.channels, static_cast<std::int32_t>(first));
  for (auto i = row.rows.begin; i < row.rows.end; ++i) {
    const auto pixels = i * row.pixels;
    if (columns.end - columns.begin < several) {
      for (auto j = columns.begin; j < columns.end; ++j)
        max_with_pixels<1>(image, pixels + j, row.channels, dst, places);
      continue;
    }
    for (auto j = columns.begin; j < columns.end; j += several)
      max_with_pixels<several>(image, pixels + std::min(j, columns.end - several), row.channels, dst, places);
  }
}

KEEL_EACH_WIDTH void max_of_windows(const float* image, const RowOfWindows& row, float* dst,
                                    std::int32_t* places) {
  for (std::int64_t window = 0; window < row.windows; ++window) {
    const auto columns = covered(window, row.kernel, row.stride, row.padding, row.pixels);
    const auto first = row.rows.begin * row.pixels + columns.begin;
    const auto take_whole = [&](auto rows, auto constant_columns) __attribute__((always_inline)) {
      in_whole_vectors(
          row.channels, [&](std::int64_t begin, std::int64_t count) __attribute__((always_inline)) {
            max_of_whole_window<rows(), constant_columns()>(image + begin, count, first, row.pixels,
                                                            row.channels, dst + begin, places + begin);
          });
    };
    if (!with_constants<2>(row.rows.end - row.rows.begin, columns.end - columns.begin, take_whole))
      max_of_any_window(image, row, columns, dst, places);
    dst += row.channels;
    places += row.channels;
  }
}

// A row of pixels of the gradient: the windows that cover it, down and, pixel by pixel, across.
struct RowOfPixels {
  std::int64_t first;  // pixel, counted in the image
  Range windows;
  const std::vector<Range>& windows_across;
  std::int64_t windows_a_row, channels;
};

// The sum of the gradients of those of `rows` times `columns` windows whose largest value stood at `pixel`.
template <std::int64_t rows, std::int64_t columns>
[[gnu::always_inline]] inline void gather_from_windows(std::int64_t count, const float* __restrict grad_dst,
                                                       const std::int32_t* __restrict places,
                                                       std::int64_t windows_a_row, std::int64_t channels,
                                                       std::int32_t pixel, float* __restrict grad_src) {
  for (std::int64_t k = 0; k < count; ++k) {
    float sum = 0.0F;
    for (std::int64_t i = 0; i < rows * columns; ++i) {
      const auto from = (i / columns * windows_a_row + i % columns) * channels + k;
      const float grad = grad_dst[from];
      sum += places[from] == pixel ? grad : 0.0F;
    }
    grad_src[k] = sum;
  }
}

[[gnu::always_inline]] inline void add_from_window(const float* __restrict grad_dst,
                                                   const std::int32_t* __restrict places, std::int32_t pixel,
                                                   std::int64_t channels, float* __restrict grad_src) {
  for (std::int64_t k = 0; k < channels; ++k) grad_src[k] += places[k] == pixel ? grad_dst[k] : 0.0F;
}

KEEL_EACH_WIDTH void gather_gradients(const float* grad_dst, const std::int32_t* places,
                                      const RowOfPixels& row, float* grad_src) {
  auto pixel = static_cast<std::int32_t>(row.first);
  for (const auto& across : row.windows_across) {
    const auto first = (row.windows.begin * row.windows_a_row + across.begin) * row.channels;
    const auto gather = [&](auto rows, auto columns) __attribute__((always_inline)) {
      in_whole_vectors(
          row.channels, [&](std::int64_t begin, std::int64_t count) __attribute__((always_inline)) {
            gather_from_windows<rows(), columns()>(count, grad_dst + first + begin, places + first + begin,
                                                   row.windows_a_row, row.channels, pixel, grad_src + begin);
          });
    };
    if (!with_constants<1>(row.windows.end - row.windows.begin, across.end - across.begin, gather)) {
      std::fill_n(grad_src, row.channels, 0.0F);
      for (auto i = row.windows.begin; i < row.windows.end; ++i) {
        for (auto j = across.begin; j < across.end; ++j) {
          const auto window = (i * row.windows_a_row + j) * row.channels;
          add_from_window(grad_dst + window, places + window, pixel, row.channels, grad_src);
        }
      }
    }
    ++pixel;
    grad_src += row.channels;
  }
}

}  // namespace keel::loops

#pragma GCC visibility pop

namespace keel {

using onednn::Pooling;

Kernel max_by_loops(const Pooling& of, const Binding& binding) {
  return {[of, src = binding.input<const float>(0), dst = binding.output<float>(0),
           places = binding.output<std::int32_t>(1)] {
            for_each_row(of.dst, [&](std::int64_t n, std::int64_t i) {
              const auto windows = place_in(of.dst, n, i, 0);
              loops::max_of_windows(src.get() + place_in(of.src, n, 0, 0),
                                    {.rows = covered_rows(of, i),
                                     .windows = of.dst[3],
                                     .kernel = of.window.kernel.width,
                                     .stride = of.window.stride.width,
                                     .padding = of.window.padding.width,
                                     .pixels = of.src[3],
                                     .channels = of.src[1]},
                                    dst.get() + windows, places.get() + windows);
            });
          },
          "loop"};
}

namespace {

// The most windows that cover one pixel.
std::int64_t most_covering(const Pooling& of) {
  const auto& [kernel, stride, padding, dilation] = of.window;
  return ((kernel.height + stride.height - 1) / stride.height) *
         ((kernel.width + stride.width - 1) / stride.width);
}

// Where many windows cover a pixel: each one's gradient goes to where its largest value stood. Windows may
// overlap, so an image is one thread's alone.
Kernel scatter_to_maxima(const Pooling& of, const Binding& binding) {
  return {[of, grad_dst = binding.input<const float>(0), places = binding.input<const std::int32_t>(1),
           grad_src = binding.output<float>(0)] {
            const auto pixels = of.src[2] * of.src[3];
            const auto windows = of.dst[2] * of.dst[3];
            const auto channels = of.src[1];
            parallel_for(of.src[0], 1, [&](std::int64_t begin, std::int64_t end) {
              for (auto n = begin; n < end; ++n) {
                auto* grads = grad_src.get() + n * pixels * channels;
                std::fill_n(grads, pixels * channels, 0.0F);
                for (auto window = n * windows; window < (n + 1) * windows; ++window) {
                  const auto* place = places.get() + window * channels;
                  const auto* grad = grad_dst.get() + window * channels;
                  for (std::int64_t k = 0; k < channels; ++k) grads[place[k] * channels + k] += grad[k];
                }
              }
            });
          },
          "loop"};
}

}  // namespace

Kernel max_backward_by_loops(const Pooling& of, const Binding& binding) {
  if (most_covering(of) > 16 || of.window.dilation != Size2d{1}) return scatter_to_maxima(of, binding);
  std::vector<Range> across;
  for (std::int64_t j = 0; j < of.src[3]; ++j) across.push_back(covering_columns(of, j));
  return {[of, across, grad_dst = binding.input<const float>(0),
           places = binding.input<const std::int32_t>(1), grad_src = binding.output<float>(0)] {
            for_each_row(of.src, [&](std::int64_t n, std::int64_t i) {
              const auto windows = place_in(of.dst, n, 0, 0);
              loops::gather_gradients(grad_dst.get() + windows, places.get() + windows,
                                      {.first = i * of.src[3],
                                       .windows = covering_rows(of, i),
                                       .windows_across = across,
                                       .windows_a_row = of.dst[3],
                                       .channels = of.src[1]},
                                      grad_src.get() + place_in(of.src, n, i, 0));
            });
          },
          "loop"};
}

}  // namespace keel
