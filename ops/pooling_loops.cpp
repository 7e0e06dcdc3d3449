#include <algorithm>
#include <array>

#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/pooling_kernels.hpp"
#include "keel/ops/window.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {

namespace loops {

// Pixels of one image, from row `top` up to `bottom` and from column `left` up to `right`.
struct Rectangle {
  std::int64_t top, bottom;
  std::int64_t left, right;
};

// A row of windows: the rows of pixels that they cover, and how they move along these.
struct RowOfWindows {
  std::int64_t top, bottom;
  std::int64_t windows;
  std::int64_t kernel, stride, padding;
  std::int64_t pixels, channels;

  [[nodiscard]] Rectangle covered(std::int64_t window) const {
    const auto left = window * stride - padding;
    return {top, bottom, std::max<std::int64_t>(left, 0), std::min(left + kernel, pixels)};
  }
};

// The largest of `count` pixels and, unless they are the first of the window, of what dst holds; a NaN counts as
// larger than anything.
template <std::size_t count, bool are_first>
[[gnu::always_inline]] inline void max_of_pixels(const float* __restrict image,
                                                 const std::array<std::int32_t, count>& pixels,
                                                 std::int64_t channels, float* __restrict dst,
                                                 std::int32_t* __restrict places) {
  for (std::int64_t k = 0; k < channels; ++k) {
    float largest = are_first ? image[pixels[0] * channels + k] : dst[k];
    std::int32_t place = are_first ? pixels[0] : places[k];
    for (std::size_t i = are_first ? 1 : 0; i < count; ++i) {
      const float value = image[pixels[i] * channels + k];
      const bool wins = (value > largest) | (value != value);
      largest = wins ? value : largest;
      place = wins ? pixels[i] : place;
    }
    dst[k] = largest;
    places[k] = place;
  }
}

// Takes the pixels a few at a time, so that what was found stays in registers in between; the last one is
// taken again where they are no multiple of these.
template <std::size_t count>
[[gnu::always_inline]] inline void max_of_window(const float* image, const RowOfWindows& row,
                                                 const Rectangle& covered, float* dst, std::int32_t* places) {
  std::array<std::int32_t, count> pixels{};
  std::size_t taken = 0;
  bool are_first = true;
  const auto take_all = [&] {
    if (are_first) {
      max_of_pixels<count, true>(image, pixels, row.channels, dst, places);
    } else {
      max_of_pixels<count, false>(image, pixels, row.channels, dst, places);
    }
    are_first = false;
    taken = 0;
  };
  for (auto i = covered.top; i < covered.bottom; ++i) {
    for (auto j = covered.left; j < covered.right; ++j) {
      pixels[taken++] = static_cast<std::int32_t>(i * row.pixels + j);
      if (taken == count) take_all();
    }
  }
  if (taken == 0) return;
  std::fill(pixels.begin() + static_cast<std::ptrdiff_t>(taken), pixels.end(), pixels[taken - 1]);
  take_all();
}

KEEL_EACH_WIDTH void max_of_windows(const float* image, const RowOfWindows& row, float* dst,
                                    std::int32_t* places) {
  for (std::int64_t window = 0; window < row.windows; ++window) {
    const auto covered = row.covered(window);
    if ((covered.right - covered.left) % 3 == 0) {
      max_of_window<3>(image, row, covered, dst, places);
    } else {
      max_of_window<4>(image, row, covered, dst, places);
    }
    dst += row.channels;
    places += row.channels;
  }
}

// Adds each channel's gradient to the pixel where its largest value stood: looking at every pixel goes in
// vectors, and is the faster way where these are few.
[[gnu::always_inline]] inline void add_where_equal(const float* __restrict grad_dst,
                                                   const std::int32_t* __restrict places, std::int32_t pixel,
                                                   std::int64_t channels, float* __restrict grad_src) {
  for (std::int64_t k = 0; k < channels; ++k) grad_src[k] += places[k] == pixel ? grad_dst[k] : 0.0F;
}

KEEL_EACH_WIDTH void add_where_largest(const float* grad_dst, const std::int32_t* places,
                                       const RowOfWindows& row, float* grad_src) {
  constexpr std::int64_t few = 16;
  for (std::int64_t window = 0; window < row.windows; ++window) {
    const auto covered = row.covered(window);
    if ((covered.bottom - covered.top) * (covered.right - covered.left) > few) {
      for (std::int64_t k = 0; k < row.channels; ++k) grad_src[places[k] * row.channels + k] += grad_dst[k];
    } else {
      for (auto i = covered.top; i < covered.bottom; ++i) {
        for (auto j = covered.left; j < covered.right; ++j) {
          const auto pixel = i * row.pixels + j;
          add_where_equal(grad_dst, places, static_cast<std::int32_t>(pixel), row.channels,
                          grad_src + pixel * row.channels);
        }
      }
    }
    grad_dst += row.channels;
    places += row.channels;
  }
}

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

using loops::Rectangle;
using onednn::Pooling;

constexpr std::int64_t elements_per_thread = 1 << 13;

struct Range {
  std::int64_t begin, end;
};

// The pixels along one direction that a window covers.
Range covered(std::int64_t window, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
              std::int64_t pixels) {
  const auto first = window * stride - padding;
  return {std::max<std::int64_t>(first, 0), std::min(first + kernel, pixels)};
}

// The windows along one direction that cover a pixel.
Range covering(std::int64_t pixel, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
               std::int64_t windows) {
  const auto last = (pixel + padding) / stride;
  const auto behind_first = pixel + padding - kernel;  // this and earlier ones end before the pixel
  const auto first = behind_first < 0 ? 0 : behind_first / stride + 1;
  return {first, std::min(last + 1, windows)};
}

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

// Where pixel (row, column) of image `n` begins.
std::int64_t place_in(const Shape& images, std::int64_t n, std::int64_t row, std::int64_t column) {
  return ((n * images[2] + row) * images[3] + column) * images[1];
}

loops::RowOfWindows row_of(const Pooling& of, std::int64_t row) {
  const auto& [kernel, stride, padding] = of.window;
  const auto rows = covered(row, kernel.height, stride.height, padding.height, of.src[2]);
  return {.top = rows.begin,
          .bottom = rows.end,
          .windows = of.dst[3],
          .kernel = kernel.width,
          .stride = stride.width,
          .padding = padding.width,
          .pixels = of.src[3],
          .channels = of.src[1]};
}

Rectangle windows_of(const Pooling& of, std::int64_t row, std::int64_t column) {
  const auto& [kernel, stride, padding] = of.window;
  const auto rows = covering(row, kernel.height, stride.height, padding.height, of.dst[2]);
  const auto columns = covering(column, kernel.width, stride.width, padding.width, of.dst[3]);
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

Kernel max_by_loops(const Pooling& of, const Binding& binding) {
  return {[of, src = binding.input<const float>(0), dst = binding.output<float>(0),
           places = binding.output<std::int32_t>(1)] {
            const auto grain = std::max<std::int64_t>(1, elements_per_thread / (of.dst[1] * of.dst[3]));
            parallel_for(of.dst[0] * of.dst[2], grain, [&](std::int64_t begin, std::int64_t end) {
              for (auto i = begin; i < end; ++i) {
                const auto windows = place_in(of.dst, 0, i, 0);
                loops::max_of_windows(src.get() + place_in(of.src, i / of.dst[2], 0, 0),
                                      row_of(of, i % of.dst[2]), dst.get() + windows, places.get() + windows);
              }
            });
          },
          "loop"};
}

// The gradient of one image. Its rows are zeroed when the first windows come to them, while they are in the
// cache.
void pass_to_maxima(const Pooling& of, const float* grad_dst, const std::int32_t* places, float* grad_src) {
  std::int64_t zeroed = 0;
  const auto zero_until = [&](std::int64_t row) {
    if (row <= zeroed) return;
    std::fill(grad_src + place_in(of.src, 0, zeroed, 0), grad_src + place_in(of.src, 0, row, 0), 0.0F);
    zeroed = row;
  };
  for (std::int64_t i = 0; i < of.dst[2]; ++i) {
    const auto row = row_of(of, i);
    zero_until(row.bottom);
    const auto windows = place_in(of.dst, 0, i, 0);
    loops::add_where_largest(grad_dst + windows, places + windows, row, grad_src);
  }
  zero_until(of.src[2]);
}

// Windows may overlap, so an image is one thread's alone.
Kernel max_backward_by_loops(const Pooling& of, const Binding& binding) {
  return {[of, grad_dst = binding.input<const float>(0), places = binding.input<const std::int32_t>(1),
           grad_src = binding.output<float>(0)] {
            parallel_for(of.src[0], 1, [&](std::int64_t begin, std::int64_t end) {
              for (auto n = begin; n < end; ++n) {
                const auto windows = place_in(of.dst, n, 0, 0);
                pass_to_maxima(of, grad_dst.get() + windows, places.get() + windows,
                               grad_src.get() + place_in(of.src, n, 0, 0));
              }
            });
          },
          "loop"};
}

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
                                          row_of(of, row).covered(column), area_of(of),
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
