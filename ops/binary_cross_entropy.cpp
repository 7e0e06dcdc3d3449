#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <memory>

#include "keel/graph/tape.hpp"
#include "keel/ops/losses.hpp"
#include "keel/ops/stored_values.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/unary_functions.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

#pragma GCC visibility push(hidden)

namespace keel::loops {

// log(1 + z) for z from 0 to 1: what rounding 1 + z loses, its logarithm's quotient by z gives back.
[[gnu::always_inline]] inline float logarithm_of_one_plus(float z) {
  const float sum = 1.0F + z;
  const float counted = sum - 1.0F;
  return counted == 0.0F ? z : logarithm(sum) * (z / counted);
}

// dst = (1 - t) log(1 + e^x) + w t log(1 + e^-x), with both logarithms from log(1 + e^-|x|). Without weights w is 1.
KEEL_EACH_WIDTH void binary_cross_entropy(const float* logits, const float* targets, const float* weights,
                                          std::int64_t count, float* dst) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = logits[i];
    const float t = targets[i];
    const float positive = x > 0.0F ? x : 0.0F;
    const float negative = x < 0.0F ? -x : 0.0F;
    const float rest = logarithm_of_one_plus(exponential(-std::abs(x)));
    const float yes = t * (negative + rest);
    const float no = (1.0F - t) * (positive + rest);
    dst[i] = (weights == nullptr ? yes : weights[i] * yes) + no;
  }
}

}  // namespace keel::loops

#pragma GCC visibility pop

namespace keel {
namespace {

double reference_term(double x, double t, double weight) {
  const double rest = std::log1p(std::exp(-std::abs(x)));
  return weight * t * (std::fmax(-x, 0.0) + rest) + (1.0 - t) * (std::fmax(x, 0.0) + rest);
}

// The operator behind `binary_cross_entropy_with_logits`, element by element. Inputs, all of one shape: logits,
// targets and, if any, the weights of target 1.
class BinaryCrossEntropyOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "binary_cross_entropy_with_logits"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    for (const auto& input : inputs.subspan(1)) require_shape(input, inputs[0].shape, "each other input");
    return {inputs[0]};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto count = binding.output_type(0).shape.elements();
    const bool weighted = binding.inputs() == 3;
    if (binding.output_type(0).dtype == DType::f64) {
      return {[=, x = binding.input<const double>(0), t = binding.input<const double>(1),
               weights = binding.input<const double>(weighted ? 2 : 1), dst = binding.output<double>(0)] {
                for (std::int64_t i = 0; i < count; ++i)
                  dst.get()[i] = reference_term(x.get()[i], t.get()[i], weighted ? weights.get()[i] : 1.0);
              },
              "reference"};
    }
    return {[=, x = binding.input<const float>(0), t = binding.input<const float>(1),
             weights = binding.input<const float>(weighted ? 2 : 1), dst = binding.output<float>(0)] {
              constexpr std::int64_t elements_per_thread = 4096;
              parallel_for(count, elements_per_thread, [&](std::int64_t begin, std::int64_t end) {
                loops::binary_cross_entropy(x.get() + begin, t.get() + begin,
                                            weighted ? weights.get() + begin : nullptr, end - begin,
                                            dst.get() + begin);
              });
            },
            "loop"};
  }

  // With s = sigmoid(x): by x it is (1 - t) s - w t (1 - s); by the target it is what a target of 1 costs less
  // what one of 0 does, and by the weight the cost of the share t of a target of 1.
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto& where = context.where;
    const auto& inputs = context.inputs;
    const Term grad{context.output_grads[0], where};
    const Term x{inputs[0], where};
    const Term t{inputs[1], where};
    std::vector<Var> grads(inputs.size());
    if (context.needed[0]) {
      const Term s{sigmoid(inputs[0], where), where};
      const Term slope = inputs.size() == 2
                             ? s - t
                             : (1.0 - t) * s - Term{inputs[2], where} * t *
                                                   Term{sigmoid(negate(inputs[0], where), where), where};
      grads[0] = (grad * slope).var;
    }
    if (inputs.size() == 2) {
      if (context.needed[1]) grads[1] = negate((grad * x).var, where);
      return grads;
    }
    const Term yes = of_target(x, 1.0);
    if (context.needed[1]) grads[1] = (grad * (Term{inputs[2], where} * yes - of_target(x, 0.0))).var;
    if (context.needed[2]) grads[2] = (grad * t * yes).var;
    return grads;
  }

  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }
  [[nodiscard]] bool may_overwrite(std::size_t) const override { return true; }

 private:
  static Term of_target(const Term& x, double target) {
    const Var targets = broadcast_to(x.constant(target).var, x.var.shape(), x.where);
    return {record(std::make_shared<BinaryCrossEntropyOp>(), {x.var, targets}, x.where), x.where};
  }
};

// The positive weights beside logits of that shape.
Var weights_for(const Var& logits, const std::vector<double>& weights, const SourceLocation& where) {
  const auto shape = logits.shape();
  const auto count = static_cast<std::int64_t>(weights.size());
  const bool fits = count == 1 || (shape.rank() > 0 && count == shape[shape.rank() - 1]);
  if (!fits) {
    throw ShapeError{fmt::format(
        "binary_cross_entropy_with_logits at {}: there are {} positive weights for logits {}; give one, or one "
        "for each entry of the last axis",
        describe(where), count, to_string(logits.type()))};
  }
  const Var stored = stored_values(logits, weights, "positive weights");
  return broadcast_to(shape.rank() == 0 ? reshape_to(stored, shape, where) : stored, shape, where);
}

}  // namespace

Var binary_cross_entropy_with_logits(const Var& logits, const Var& targets,
                                     const BinaryCrossEntropyOptions& options, const SourceLocation& where) {
  require_one_shape("binary_cross_entropy_with_logits", logits, targets, where);
  const auto op = std::make_shared<BinaryCrossEntropyOp>();
  std::vector<Var> inputs{logits, targets};
  if (!options.positive_weights.empty())
    inputs.push_back(weights_for(logits, options.positive_weights, where));
  const Var terms = logits.tape().record_one(op, inputs, where);
  return reduced(terms, options.reduction, where);
}

}  // namespace keel
