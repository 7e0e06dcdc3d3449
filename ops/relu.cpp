#include "keel/ops/relu.hpp"

#include "keel/graph/tape.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"

namespace keel {

std::vector<ValueType> ReluOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  return {inputs[0]};
}

Kernel ReluOp::bind(const Binding& binding) const {
  const auto& type = binding.output_type(0);
  if (type.dtype == DType::f32) {
    const auto desc = onednn::dense(Shape{type.shape.elements()});
    auto call = onednn::relu_forward(desc);
    call.argument(DNNL_ARG_SRC, desc, binding.input_slot(0));
    call.argument(DNNL_ARG_DST, desc, binding.output_slot(0));
    return finish(std::move(call), binding);
  }
  return {
      [src = binding.input<const double>(0), dst = binding.output<double>(0), count = type.shape.elements()] {
        for (std::int64_t i = 0; i < count; ++i) {
          const double value = src.get()[i];
          dst.get()[i] = value <= 0.0 ? 0.0 : value;  // NaN stays NaN
        }
      },
      "reference"};
}

std::vector<Var> ReluOp::vjp(const VjpContext& context) const {
  return {record(std::make_shared<ReluBackwardOp>(), {context.output_grads[0], context.outputs[0]},
                 context.where)};
}

std::vector<ValueType> ReluBackwardOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_shape(inputs[1], inputs[0].shape, "dst");
  return {inputs[0]};
}

Kernel ReluBackwardOp::bind(const Binding& binding) const {
  const auto& type = binding.output_type(0);
  if (type.dtype == DType::f32) {
    const auto desc = onednn::dense(Shape{type.shape.elements()});
    auto call = onednn::relu_backward(desc);
    call.argument(DNNL_ARG_DIFF_DST, desc, binding.input_slot(0));
    call.argument(DNNL_ARG_DST, desc, binding.input_slot(1));
    call.argument(DNNL_ARG_DIFF_SRC, desc, binding.output_slot(0));
    return finish(std::move(call), binding);
  }
  return {[grad_dst = binding.input<const double>(0), dst = binding.input<const double>(1),
           grad_src = binding.output<double>(0), count = type.shape.elements()] {
            for (std::int64_t i = 0; i < count; ++i) {
              grad_src.get()[i] = dst.get()[i] > 0.0 ? grad_dst.get()[i] : 0.0;
            }
          },
          "reference"};
}

std::vector<ValueType> ReluBackwardBiasOp::infer(std::span<const ValueType> inputs) const {
  require_rank(inputs[0], 2, "grad_dst");
  require_dtype(inputs[0], DType::f32, "grad_dst");
  return {ReluBackwardOp{}.infer(inputs)[0], {Shape{inputs[0].shape[1]}, DType::f32}};
}

Kernel ReluBackwardBiasOp::bind(const Binding& binding) const {
  const auto& shape = binding.input_type(0).shape;
  return {[rows = shape[0], columns = shape[1], grad_dst = binding.input<const float>(0),
           dst = binding.input<const float>(1), grad_src = binding.output<float>(0),
           grad_bias = binding.output<float>(1)] {
            loops::relu_backward_with_bias(grad_dst.get(), dst.get(), grad_src.get(), grad_bias.get(), rows,
                                           columns);
          },
          "loop"};
}

Var relu(const Var& src, const SourceLocation& where) {
  return record(std::make_shared<ReluOp>(), {src}, where);
}

}  // namespace keel
