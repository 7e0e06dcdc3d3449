#include "keel/ops/relu.hpp"

#include <algorithm>

#include "keel/graph/tape.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

constexpr std::int64_t elements_per_thread = 1 << 14;

}  // namespace

std::vector<ValueType> ReluOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  return {inputs[0]};
}

Kernel ReluOp::bind(const Binding& binding) const {
  const auto& type = binding.output_type(0);
  if (type.dtype == DType::f32) {
    return {
        [src = binding.input<const float>(0), dst = binding.output<float>(0), count = type.shape.elements()] {
          parallel_for(count, elements_per_thread, [&](std::int64_t begin, std::int64_t end) {
            loops::relu(src.get() + begin, dst.get() + begin, end - begin);
          });
        },
        "loop"};
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
    return {[grad_dst = binding.input<const float>(0), dst = binding.input<const float>(1),
             grad_src = binding.output<float>(0), count = type.shape.elements()] {
              parallel_for(count, elements_per_thread, [&](std::int64_t begin, std::int64_t end) {
                loops::relu_backward(grad_dst.get() + begin, dst.get() + begin, grad_src.get() + begin,
                                     end - begin);
              });
            },
            "loop"};
  }
  return {[grad_dst = binding.input<const double>(0), dst = binding.input<const double>(1),
           grad_src = binding.output<double>(0), count = type.shape.elements()] {
            for (std::int64_t i = 0; i < count; ++i) {
              const double y = dst.get()[i];
              grad_src.get()[i] = y > 0.0 ? grad_dst.get()[i] : (y <= 0.0 ? 0.0 : y);
            }
          },
          "reference"};
}

// Linear in grad_dst, and constant in dst but for the jump at 0.
std::vector<Var> ReluBackwardOp::vjp(const VjpContext& context) const {
  return {
      record(std::make_shared<ReluBackwardOp>(), {context.output_grads[0], context.inputs[1]}, context.where),
      Var{}};
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
           grad_bias = binding.output<float>(1),
           sums = SlotView<double>{*binding.scratch(static_cast<std::size_t>(shape[1]) * sizeof(double))}] {
            std::fill_n(sums.get(), columns, 0.0);
            loops::relu_backward_with_bias(grad_dst.get(), dst.get(), grad_src.get(), sums.get(), rows,
                                           columns);
            for (std::int64_t j = 0; j < columns; ++j) grad_bias.get()[j] = static_cast<float>(sums.get()[j]);
          },
          "loop"};
}

Var relu(const Var& src, const SourceLocation& where) {
  return record(std::make_shared<ReluOp>(), {src}, where);
}

}  // namespace keel
