#include "keel/ops/conv2d.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/conv2d_kernels.hpp"
#include "keel/ops/conv2d_op.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/window.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

using onednn::Convolution;

constexpr auto channels_last = MemoryFormat::channels_last;
constexpr auto row_major = MemoryFormat::row_major;

Window window_of(const Conv2dOptions& options, const Size2d& kernel) {
  return {kernel, options.stride, options.padding, options.dilation};
}

void require_channels(std::int64_t channels, const Shape& weights, std::int64_t groups) {
  if (groups < 1) throw ShapeError{fmt::format("groups must be 1 or more, not {}", groups)};
  const auto in = groups == 1 ? std::string{"in"} : fmt::format("in / {}", counted(groups, "group"));
  if (channels != weights[1] * groups) {
    throw ShapeError{fmt::format("src has {}, weights (out, {}, height, width) expect {}",
                                 counted(channels, "channel"), in, weights[1] * groups)};
  }
  if (weights.elements() == 0) {
    throw ShapeError{
        fmt::format("weights (out, {}, height, width) {} have no elements", in, to_string(weights))};
  }
  if (weights[0] % groups != 0) {
    throw ShapeError{fmt::format("{} can't be divided into {}", counted(weights[0], "output channel"),
                                 counted(groups, "equal group"))};
  }
}

}  // namespace

Convolution convolution_of(const Shape& src, const Shape& weights, const Shape& dst,
                           const Conv2dOptions& options) {
  return {.src = src,
          .weights = weights,
          .dst = dst,
          .window = window_of(options, image_size(weights)),
          .groups = options.groups};
}

Cost with_products(Cost cost, const Shape& weights, const Shape& dst) {
  cost.flops = 2.0 * static_cast<double>(dst.elements()) *
               (static_cast<double>(weights.elements()) / static_cast<double>(weights[0]));
  return cost;
}

Kernel with_reordered_weights(onednn::ConvolutionCall convolution, const Convolution& of, Slot& given,
                              const Binding& binding) {
  auto [call, wanted] = std::move(convolution);
  const auto row_major_weights = of.row_major_weights();
  if (wanted == row_major_weights) {
    call.argument(DNNL_ARG_WEIGHTS, wanted, given);
    return finish(std::move(call), binding);
  }
  Slot& reordered = *binding.scratch(wanted.get_size());
  const auto reorder = reorder_kernel(row_major_weights, given, wanted, reordered, binding);
  call.argument(DNNL_ARG_WEIGHTS, wanted, reordered);
  const auto kernel = finish(std::move(call), binding);
  return in_sequence(reorder, kernel, kernel.implementation);
}

std::vector<ValueType> Conv2dOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_rank(inputs[0], 4, "src");
  require_rank(inputs[1], 4, "weights");
  const auto& src = inputs[0].shape;
  const auto& weights = inputs[1].shape;
  require_channels(src[1], weights, options_.groups);
  if (inputs.size() == 3 && inputs[2].shape != Shape{weights[0]}) {
    throw ShapeError{fmt::format("bias must be ({}), one for each output channel, not {}", weights[0],
                                 to_string(inputs[2].shape))};
  }
  const auto size = windows_in(image_size(src), window_of(options_, image_size(weights)));
  return {{{src[0], weights[0], size.height, size.width}, inputs[0].dtype}};
}

Kernel Conv2dOp::bind(const Binding& binding) const {
  auto of = convolution_of(binding.input_type(0).shape, binding.input_type(1).shape,
                           binding.output_type(0).shape, options_);
  of.bias = binding.inputs() == 3;
  if (binding.output_type(0).dtype == DType::f64) return reference_forward(of, binding);
  auto forward = onednn::convolution_forward(of);
  forward.call.argument(DNNL_ARG_SRC, onednn::image(of.src, channels_last), binding.input_slot(0));
  if (of.bias) forward.call.argument(DNNL_ARG_BIAS, onednn::dense({of.weights[0]}), binding.input_slot(2));
  forward.call.argument(DNNL_ARG_DST, onednn::image(of.dst, channels_last), binding.output_slot(0));
  return with_reordered_weights(std::move(forward), of, binding.input_slot(1), binding);
}

// dst is linear in src and in the weights: each product src w of the sum behind an element of dst passes that
// element's gradient on, times w to src and times src to w. The bias goes into every pixel of its channel.
std::vector<Var> Conv2dOp::vjp(const VjpContext& context) const {
  const auto& src = context.inputs[0];
  const auto& weights = context.inputs[1];
  const auto& grad = context.output_grads[0];
  const bool bias = context.inputs.size() == 3 && context.needed[2];
  std::vector<Var> grads(context.inputs.size());
  if (context.needed[0]) {
    const auto op = std::make_shared<Conv2dBackwardDataOp>(options_, image_size(src.shape()));
    grads[0] = record(op, {grad, weights}, context.where);
  }
  if (context.needed[1] || bias) {
    const auto op = std::make_shared<Conv2dBackwardWeightsOp>(options_, image_size(weights.shape()), bias);
    const auto outputs = src.tape().record(op, std::array{src, grad}, context.where);
    grads[1] = outputs[0];
    if (bias) grads[2] = outputs[1];
  }
  return grads;
}

Cost Conv2dOp::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return with_products(Operator::cost(inputs, outputs), inputs[1].shape, outputs[0].shape);
}

Formats Conv2dOp::formats(std::span<const ValueType> inputs, std::span<const MemoryFormat>,
                          std::span<const ValueType>) const {
  std::vector of_inputs{channels_last, row_major};
  of_inputs.resize(inputs.size(), row_major);
  return {of_inputs, {channels_last}};
}

Var conv2d(const Var& src, const Var& weights, const Var& bias, Conv2dOptions options,
           const SourceLocation& where) {
  auto op = std::make_shared<Conv2dOp>(options);
  return bias.defined() ? record(op, {src, weights, bias}, where) : record(op, {src, weights}, where);
}

}  // namespace keel
