#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/conv2d_kernels.hpp"
#include "keel/ops/conv2d_op.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/window.hpp"

namespace keel {
namespace {

constexpr auto channels_last = MemoryFormat::channels_last;
constexpr auto row_major = MemoryFormat::row_major;

}  // namespace

std::vector<ValueType> Conv2dBackwardDataOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_rank(inputs[0], 4, "grad_dst");
  require_rank(inputs[1], 4, "weights");
  const auto& weights = inputs[1].shape;
  const auto channels = weights[1] * options_.groups;
  const ValueType src{{inputs[0].shape[0], channels, image_.height, image_.width}, inputs[0].dtype};
  require_shape(inputs[0], Conv2dOp{options_}.infer(std::array{src, inputs[1]})[0].shape, "grad_dst");
  return {src};
}

Kernel Conv2dBackwardDataOp::bind(const Binding& binding) const {
  const auto of = convolution_of(binding.output_type(0).shape, binding.input_type(1).shape,
                                 binding.input_type(0).shape, options_);
  if (binding.output_type(0).dtype == DType::f64) return reference_backward_data(of, binding);
  auto backward = onednn::convolution_backward_data(of);
  backward.call.argument(DNNL_ARG_DIFF_DST, onednn::image(of.dst, channels_last), binding.input_slot(0));
  backward.call.argument(DNNL_ARG_DIFF_SRC, onednn::image(of.src, channels_last), binding.output_slot(0));
  return with_reordered_weights(std::move(backward), of, binding.input_slot(1), binding);
}

Cost Conv2dBackwardDataOp::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return with_products(Operator::cost(inputs, outputs), inputs[1].shape, inputs[0].shape);
}

Formats Conv2dBackwardDataOp::formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                      std::span<const ValueType>) const {
  return {{channels_last, row_major}, {channels_last}};
}

std::vector<ValueType> Conv2dBackwardWeightsOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_rank(inputs[0], 4, "src");
  require_rank(inputs[1], 4, "grad_dst");
  const auto outputs = inputs[1].shape[1];
  const auto channels = inputs[0].shape[1] / std::max<std::int64_t>(1, options_.groups);
  const ValueType weights{{outputs, channels, kernel_.height, kernel_.width}, inputs[0].dtype};
  require_shape(inputs[1], Conv2dOp{options_}.infer(std::array{inputs[0], weights})[0].shape, "grad_dst");
  std::vector grads{weights};
  if (bias_) grads.push_back({{outputs}, inputs[0].dtype});
  return grads;
}

Kernel Conv2dBackwardWeightsOp::bind(const Binding& binding) const {
  auto of = convolution_of(binding.input_type(0).shape, binding.output_type(0).shape,
                           binding.input_type(1).shape, options_);
  of.bias = bias_;
  if (of.src.elements() == 0) return zeros(binding);
  if (binding.output_type(0).dtype == DType::f64) return reference_backward_weights(of, binding);
  return onednn_backward_weights(of, binding);
}

Cost Conv2dBackwardWeightsOp::cost(std::span<const ValueType> inputs,
                                   std::span<const ValueType> outputs) const {
  return with_products(Operator::cost(inputs, outputs), outputs[0].shape, inputs[1].shape);
}

Formats Conv2dBackwardWeightsOp::formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                         std::span<const ValueType> outputs) const {
  return {{channels_last, channels_last}, std::vector(outputs.size(), row_major)};
}

std::vector<Var> Conv2dBackwardWeightsOp::vjp(const VjpContext& context) const {
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

}  // namespace keel
