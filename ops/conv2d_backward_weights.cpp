#include <algorithm>
#include <array>
#include <map>

#include "keel/ops/conv2d_kernels.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/partial_sums.hpp"
#include "keel/ops/product.hpp"
#include "keel/ops/window.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {

Kernel in_sequence(const Kernel& first, const Kernel& second, const std::string& implementation) {
  return {[first = first.run, second = second.run] {
            first();
            second();
          },
          implementation};
}

Kernel reorder_kernel(const onednn::Desc& from, Slot& src, const onednn::Desc& to, Slot& dst,
                      const Binding& binding) {
  auto call = onednn::reorder(from, to);
  call.argument(DNNL_ARG_FROM, from, src);
  call.argument(DNNL_ARG_TO, to, dst);
  return finish(std::move(call), binding);
}

namespace {

using onednn::Convolution;

constexpr auto channels_last = MemoryFormat::channels_last;

// Where a kernel finds and leaves its arrays; `grad_bias` is null where there is no bias.
struct Arrays {
  Slot& src;
  Slot& grad_dst;
  Slot& grad_weights;
  Slot* grad_bias;
};

// The gradient by oneDNN, which leaves it in a format of its own choice.
Kernel whole_gradient(const Convolution& of, const Arrays& arrays, const Binding& binding) {
  auto [call, left] = onednn::convolution_backward_weights(of);
  call.argument(DNNL_ARG_SRC, onednn::image(of.src, channels_last), arrays.src);
  call.argument(DNNL_ARG_DIFF_DST, onednn::image(of.dst, channels_last), arrays.grad_dst);
  if (of.bias) call.argument(DNNL_ARG_DIFF_BIAS, onednn::dense({of.weights[0]}), *arrays.grad_bias);
  const auto row_major_weights = onednn::dense(of.weights);
  if (left == row_major_weights) {
    call.argument(DNNL_ARG_DIFF_WEIGHTS, left, arrays.grad_weights);
    return finish(std::move(call), binding);
  }
  Slot& gradient = *binding.scratch(left.get_size());
  call.argument(DNNL_ARG_DIFF_WEIGHTS, left, gradient);
  const auto kernel = finish(std::move(call), binding);
  const auto reorder = reorder_kernel(left, gradient, row_major_weights, arrays.grad_weights, binding);
  return in_sequence(kernel, reorder, kernel.implementation);
}

// Kernels of one pixel without padding.

bool is_pointwise(const Convolution& of) {
  return of.window.kernel == Size2d{1} && of.window.padding == Size2d{0};
}

// dst = the pixels of src, both with their channels last, that the kernel stands on.
void gather_pixels(const Convolution& of, const float* src, float* dst) {
  const auto channels = of.src[1];
  const Size2d from = image_size(of.src);
  const Size2d to = image_size(of.dst);
  const auto grain = std::max<std::int64_t>(1, 8192 / (to.width * channels));
  parallel_for(of.dst[0] * to.height, grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = begin; row < end; ++row) {
      const auto from_row = row / to.height * from.height + row % to.height * of.window.stride.height;
      const auto* pixel = src + from_row * from.width * channels;
      auto* copy = dst + row * to.width * channels;
      for (std::int64_t column = 0; column < to.width; ++column) {
        std::copy_n(pixel, channels, copy);
        pixel += of.window.stride.width * channels;
        copy += channels;
      }
    }
  });
}

// grad_weights (O, I) is the product of grad_dst (positions, O), transposed, and src (positions, I). Where the
// kernel skips pixels, those that it stands on are gathered first. That is also what oneDNN's kernels would do,
// but of few channels they write more than they have room for, up to version 3.7 at least.
Kernel pointwise_gradient(const Convolution& of, const Arrays& arrays, const Binding& binding) {
  const auto inputs = of.src[1];
  const auto outputs = of.dst[1];
  const auto positions = of.dst.elements() / outputs;
  const bool gathers = of.window.stride != Size2d{1};
  const auto of_channels = [&](std::int64_t count, std::size_t bytes) {
    return static_cast<std::size_t>(count) * bytes;
  };
  Slot* pixels = gathers ? binding.scratch(of_channels(positions * inputs, sizeof(float))) : &arrays.src;
  const auto product = onednn_product(
      {.rows = outputs, .inner = positions, .columns = inputs, .transposes = {.src = true, .weights = false}},
      {arrays.grad_dst, *pixels, nullptr, arrays.grad_weights}, binding);
  Slot* sums = of.bias ? binding.scratch(of_channels(outputs, sizeof(double))) : nullptr;
  Slot* part = of.bias ? binding.scratch(of_channels(outputs, sizeof(float))) : nullptr;
  const auto floats = [](const Slot* slot) { return static_cast<float*>(slot->data()); };
  return {[=, &src = arrays.src, &grad_dst = arrays.grad_dst, grad_bias = arrays.grad_bias,
           multiply = product.run] {
            if (gathers) gather_pixels(of, floats(&src), floats(pixels));
            multiply();
            if (!of.bias) return;
            sum_rows(floats(&grad_dst), floats(grad_bias), positions, outputs,
                     static_cast<double*>(sums->data()), floats(part));
          },
          product.implementation};
}

// Other kernels. oneDNN adds up what comes from one position after the other, so that of equal terms the error
// grows by one unit of f32's roundoff with every six: the positions are split until it stays below 2 + 4 times
// the root of their number, and below 200.

std::int64_t parts_wanted(std::int64_t positions) {
  return positions <= 512 ? 1 : std::max<std::int64_t>(2, (positions + 1023) / 1024);
}

// Some images, or some rows of dst of one image, as a convolution of their own.
struct Part {
  Convolution convolution;
  std::int64_t src_offset;  // in elements
  std::int64_t dst_offset;
};

Part images_of(const Convolution& of, std::int64_t begin, std::int64_t end) {
  Part part{of, begin * of.src.elements() / of.src[0], begin * of.dst.elements() / of.dst[0]};
  part.convolution.src = {end - begin, of.src[1], of.src[2], of.src[3]};
  part.convolution.dst = {end - begin, of.dst[1], of.dst[2], of.dst[3]};
  return part;
}

// The rows from `begin` to `end` of dst's image `n`, and those of src from which they come.
Part rows_of(const Convolution& of, std::int64_t n, std::int64_t begin, std::int64_t end) {
  const auto& [kernel, stride, padding] = of.window;
  const auto first = begin * stride.height - padding.height;
  const auto last = (end - 1) * stride.height - padding.height + kernel.height;
  const auto [from, to] = std::pair{std::max<std::int64_t>(first, 0), std::min(last, of.src[2])};
  Part part = images_of(of, n, n + 1);
  part.src_offset += from * of.src[3] * of.src[1];
  part.dst_offset += begin * of.dst[3] * of.dst[1];
  part.convolution.src = {1, of.src[1], to - from, of.src[3]};
  part.convolution.dst = {1, of.dst[1], end - begin, of.dst[3]};
  part.convolution.window.padding.height = from - first;
  part.convolution.padding_behind = Size2d{last - to, padding.width};
  return part;
}

std::vector<Part> parts_of(const Convolution& of) {
  const auto images = of.dst[0];
  const auto rows = of.dst[2];
  const auto wanted = parts_wanted(images * rows * of.dst[3]);
  std::vector<Part> parts;
  // Where all rows of a window may lie in the padding there would be a part without any pixel.
  if (wanted <= images || of.window.padding.height >= of.window.kernel.height) {
    const auto length = std::max<std::int64_t>(1, images / wanted);
    for (std::int64_t n = 0; n < images; n += length)
      parts.push_back(images_of(of, n, std::min(images, n + length)));
    return parts;
  }
  const auto of_image = std::min(rows, (wanted + images - 1) / images);
  const auto length = (rows + of_image - 1) / of_image;
  for (std::int64_t n = 0; n < images; ++n) {
    for (std::int64_t row = 0; row < rows; row += length)
      parts.push_back(rows_of(of, n, row, std::min(rows, row + length)));
  }
  return parts;
}

// The kernel of all parts of one size, wherever its slots point to.
struct PartKernel {
  std::unique_ptr<Slot> src = std::make_unique<Slot>();
  std::unique_ptr<Slot> grad_dst = std::make_unique<Slot>();
  Kernel kernel;
};

// A part, and which of the kernels is its own.
struct Step {
  std::int64_t src_offset;
  std::int64_t dst_offset;
  std::size_t kernel;
};

struct Steps {
  std::vector<PartKernel> kernels;
  std::vector<Step> steps;
};

Steps bind_parts(std::span<const Part> parts, Slot& weights_part, Slot* bias_part, const Binding& binding) {
  Steps bound;
  std::map<std::array<std::int64_t, 5>, std::size_t> known;
  for (const auto& part : parts) {
    const auto& of = part.convolution;
    const auto behind = of.padding_behind ? of.padding_behind->height : -1;
    const std::array size{of.src[0], of.src[2], of.dst[2], of.window.padding.height, behind};
    const auto [found, is_new] = known.try_emplace(size, bound.kernels.size());
    if (is_new) {
      auto& kernel = bound.kernels.emplace_back();
      kernel.kernel = whole_gradient(of, {*kernel.src, *kernel.grad_dst, weights_part, bias_part}, binding);
    }
    bound.steps.push_back({part.src_offset, part.dst_offset, found->second});
  }
  return bound;
}

Kernel gradient_in_parts(const Convolution& of, std::span<const Part> parts, const Arrays& arrays,
                         const Binding& binding) {
  const auto weights = of.weights.elements();
  const auto outputs = of.weights[0];
  const auto scratch = [&](std::int64_t count, std::size_t bytes) {
    return binding.scratch(static_cast<std::size_t>(count) * bytes);
  };
  Slot* weights_part = scratch(weights, sizeof(float));
  Slot* weights_sums = scratch(weights, sizeof(double));
  Slot* bias_part = of.bias ? scratch(outputs, sizeof(float)) : nullptr;
  Slot* bias_sums = of.bias ? scratch(outputs, sizeof(double)) : nullptr;
  const auto bound = std::make_shared<Steps>(bind_parts(parts, *weights_part, bias_part, binding));
  const auto floats = [](const Slot* slot) { return static_cast<float*>(slot->data()); };
  const auto doubles = [](const Slot* slot) { return static_cast<double*>(slot->data()); };
  return {[=, &src = arrays.src, &grad_dst = arrays.grad_dst, &grad_weights = arrays.grad_weights,
           grad_bias = arrays.grad_bias] {
            bool is_first = true;
            for (const auto& step : bound->steps) {
              const auto& part = bound->kernels[step.kernel];
              part.src->point_to(floats(&src) + step.src_offset);
              part.grad_dst->point_to(floats(&grad_dst) + step.dst_offset);
              part.kernel.run();
              add_part(floats(weights_part), doubles(weights_sums), weights, is_first);
              if (of.bias) add_part(floats(bias_part), doubles(bias_sums), outputs, is_first);
              is_first = false;
            }
            store_sums(doubles(weights_sums), nullptr, floats(&grad_weights), 1, weights);
            if (of.bias) store_sums(doubles(bias_sums), nullptr, floats(grad_bias), 1, outputs);
          },
          bound->kernels[0].kernel.implementation + " in parts"};
}

}  // namespace

Kernel onednn_backward_weights(const Convolution& of, const Binding& binding) {
  const Arrays arrays{binding.input_slot(0), binding.input_slot(1), binding.output_slot(0),
                      of.bias ? &binding.output_slot(1) : nullptr};
  if (is_pointwise(of)) return pointwise_gradient(of, arrays, binding);
  const auto parts = parts_of(of);
  return parts.size() == 1 ? whole_gradient(of, arrays, binding)
                           : gradient_in_parts(of, parts, arrays, binding);
}

}  // namespace keel
