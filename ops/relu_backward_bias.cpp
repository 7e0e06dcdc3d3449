#include <algorithm>

#include "keel/ops/elementwise_op.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"

namespace keel {

std::vector<ValueType> ReluBackwardBiasOp::infer(std::span<const ValueType> inputs) const {
  require_rank(inputs[0], 2, "grad_dst");
  require_dtype(inputs[0], DType::f32, "grad_dst");
  return {ElementwiseBackwardOp{ElementwiseOp::Kind::relu}.infer(inputs)[0],
          {Shape{inputs[0].shape[1]}, DType::f32}};
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

}  // namespace keel
