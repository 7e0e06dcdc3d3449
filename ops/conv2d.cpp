#include "keel/ops/conv2d.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/conv2d_kernels.hpp"
#include "keel/ops/conv2d_op.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
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
  return {kernel, options.stride, options.padding};
}

Convolution convolution_of(const Shape& src, const Shape& weights, const Shape& dst,
                           const Conv2dOptions& options) {
  return {.src = src, .weights = weights, .dst = dst, .window = window_of(options, image_size(weights))};
}

// A multiplication and an addition for each element of dst and each weight that goes into it.
Cost with_products(Cost cost, const Shape& weights, const Shape& dst) {
  cost.flops = 2.0 * static_cast<double>(dst.elements()) *
               (static_cast<double>(weights.elements()) / static_cast<double>(weights[0]));
  return cost;
}

// The kernel of a convolution that reads its weights from `given`, row-major: it first copies them into
// scratch memory as the primitive wants them.
Kernel with_reordered_weights(onednn::ConvolutionCall convolution, const Shape& weights, Slot& given,
                              const Binding& binding) {
  auto [call, wanted] = std::move(convolution);
  const auto row_major_weights = onednn::dense(weights);
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

// The gradient of src, images of size `image`. Inputs: grad_dst, weights.
class Conv2dBackwardDataOp final : public Operator {
 public:
  Conv2dBackwardDataOp(Conv2dOptions options, Size2d image) : options_(options), image_(image) {}
  [[nodiscard]] std::string_view name() const override { return "conv2d_backward_data"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    require_rank(inputs[0], 4, "grad_dst");
    require_rank(inputs[1], 4, "weights");
    const auto& weights = inputs[1].shape;
    const ValueType src{{inputs[0].shape[0], weights[1], image_.height, image_.width}, inputs[0].dtype};
    require_shape(inputs[0], Conv2dOp{options_}.infer(std::array{src, inputs[1]})[0].shape, "grad_dst");
    return {src};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto of = convolution_of(binding.output_type(0).shape, binding.input_type(1).shape,
                                   binding.input_type(0).shape, options_);
    if (binding.output_type(0).dtype == DType::f64) return reference_backward_data(of, binding);
    auto backward = onednn::convolution_backward_data(of);
    backward.call.argument(DNNL_ARG_DIFF_DST, onednn::image(of.dst, channels_last), binding.input_slot(0));
    backward.call.argument(DNNL_ARG_DIFF_SRC, onednn::image(of.src, channels_last), binding.output_slot(0));
    return with_reordered_weights(std::move(backward), of.weights, binding.input_slot(1), binding);
  }

  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override {
    return with_products(Operator::cost(inputs, outputs), inputs[1].shape, inputs[0].shape);
  }

  [[nodiscard]] Formats formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                std::span<const ValueType>) const override {
    return {{channels_last, row_major}, {channels_last}};
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  Conv2dOptions options_;
  Size2d image_;
};

// The gradient of the weights, kernels of size `kernel`, and, where there is a bias, of the bias. Inputs:
// src, grad_dst.
class Conv2dBackwardWeightsOp final : public Operator {
 public:
  Conv2dBackwardWeightsOp(Conv2dOptions options, Size2d kernel, bool bias)
      : options_(options), kernel_(kernel), bias_(bias) {}
  [[nodiscard]] std::string_view name() const override { return "conv2d_backward_weights"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    require_rank(inputs[0], 4, "src");
    require_rank(inputs[1], 4, "grad_dst");
    const auto outputs = inputs[1].shape[1];
    const ValueType weights{{outputs, inputs[0].shape[1], kernel_.height, kernel_.width}, inputs[0].dtype};
    require_shape(inputs[1], Conv2dOp{options_}.infer(std::array{inputs[0], weights})[0].shape, "grad_dst");
    std::vector grads{weights};
    if (bias_) grads.push_back({{outputs}, inputs[0].dtype});
    return grads;
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    auto of = convolution_of(binding.input_type(0).shape, binding.output_type(0).shape,
                             binding.input_type(1).shape, options_);
    of.bias = bias_;
    if (of.src.elements() == 0) return zeros(binding);
    if (binding.output_type(0).dtype == DType::f64) return reference_backward_weights(of, binding);
    return onednn_backward_weights(of, binding);
  }

  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override {
    return with_products(Operator::cost(inputs, outputs), outputs[0].shape, inputs[1].shape);
  }

  [[nodiscard]] Formats formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                std::span<const ValueType> outputs) const override {
    return {{channels_last, channels_last}, std::vector(outputs.size(), row_major)};
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto& src = context.inputs[0];
    const auto& grad_dst = context.inputs[1];
    const auto& where = context.where;
    const auto& weights = context.output_grads[0];
    const Var bias = bias_ ? context.output_grads[1] : Var{};
    std::vector<Var> grads(2);
    if (weights.defined() && context.needed[0]) {
      const auto op = std::make_shared<Conv2dBackwardDataOp>(options_, image_size(src.shape()));
      grads[0] = record(op, {grad_dst, weights}, where);
    }
    if (!context.needed[1]) return grads;
    if (weights.defined()) {
      grads[1] = conv2d(src, weights, bias, options_, where);
    } else {
      const auto channels = grad_dst.shape()[1];
      grads[1] = broadcast_to(reshape_to(bias, {1, channels, 1, 1}, where), grad_dst.shape(), where);
    }
    return grads;
  }

 private:
  Conv2dOptions options_;
  Size2d kernel_;
  bool bias_;
};

// The three operators are the three gradients of one sum over products of src, weights and grad_dst, which is
// linear in each: each one's derivatives are the other two.
std::vector<Var> Conv2dBackwardDataOp::vjp(const VjpContext& context) const {
  const auto& grad_dst = context.inputs[0];
  const auto& weights = context.inputs[1];
  const auto& src = context.output_grads[0];
  std::vector<Var> grads(2);
  if (context.needed[0]) grads[0] = conv2d(src, weights, {}, options_, context.where);
  if (context.needed[1]) {
    const auto op = std::make_shared<Conv2dBackwardWeightsOp>(options_, image_size(weights.shape()), false);
    grads[1] = record(op, {src, grad_dst}, context.where);
  }
  return grads;
}

}  // namespace

std::vector<ValueType> Conv2dOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_rank(inputs[0], 4, "src");
  require_rank(inputs[1], 4, "weights");
  const auto& src = inputs[0].shape;
  const auto& weights = inputs[1].shape;
  if (src[1] != weights[1]) {
    throw ShapeError{fmt::format("src has {}, weights (out, in, height, width) expect {}",
                                 counted(src[1], "channel"), weights[1])};
  }
  if (weights.elements() == 0) {
    throw ShapeError{fmt::format("weights (out, in, height, width) {} have no elements", to_string(weights))};
  }
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
  return with_reordered_weights(std::move(forward), of.weights, binding.input_slot(1), binding);
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
