#include "keel/tools/training/weight_norm_linear.hpp"

#include <numbers>

#include "keel/models/initializer.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"

namespace keel::tools {

WeightNormLinear::WeightNormLinear(std::int64_t inputs, std::int64_t outputs)
    : weights_({outputs, inputs}, initializers::kaiming_normal()({inputs, outputs})),
      scale_({outputs}, Initializer::constant(std::numbers::sqrt2)),
      bias_({outputs}, Initializer::constant(0.0)) {}

Var WeightNormLinear::operator()(const Var& src) const {
  auto& tape = src.tape();
  const Var weights = weights_.on(tape, "weights");
  const Var factor = scale_.on(tape, "scale") / sqrt(sum(square(weights), {1}));
  return linear(src, weights) * factor + bias_.on(tape, "bias");
}

}  // namespace keel::tools
