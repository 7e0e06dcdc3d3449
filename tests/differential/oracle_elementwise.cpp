// Functions of one or two numbers each, and operators that only move numbers.

#include <cmath>
#include <limits>
#include <numbers>

#include "keel/ops/broadcasting.hpp"
#include "oracle.hpp"

namespace keel::differential {
namespace {

std::vector<double> reference_of(const NodeRun& run) {
  return in_f64(run.shared_op, run.inputs).outputs[0].data;
}

// A result that is rounded `error / unit` times at most, each time by its own magnitude.
Oracle rounded(double error) {
  return [error](const NodeRun& run) { return Prediction{{relative(reference_of(run), error)}, {}}; };
}

Prediction unrounded(const NodeRun& run) {
  Prediction prediction;
  for (auto& output : in_f64(run.shared_op, run.inputs).outputs)
    prediction.outputs.push_back(exact(std::move(output.data)));
  return prediction;
}

// Exponentials below the least normal number may be flushed to zero, as the documentation of `exp` says.
Prediction exponential(const NodeRun& run) {
  auto expected = relative(reference_of(run), function_error);
  for (auto& bound : expected.bounds) bound += 2 * least_normal;
  return {{expected}, {}};
}

// Both operands' NaN is passed on; else the larger one, exactly.
Prediction maximum(const NodeRun& run) {
  auto expected = exact(reference_of(run));
  const auto& whole = run.outputs[0].type.shape;
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    for (const auto& operand : run.inputs) {
      const auto place = broadcast_index(static_cast<std::int64_t>(i), whole, operand.type.shape);
      const double value = operand.data[static_cast<std::size_t>(place)];
      if (std::isnan(value)) expected.values[i] = value;
    }
  }
  return {{expected}, {}};
}

// A gradient that is not a number, or that meets one, may or may not come through.
Prediction relu_backward(const NodeRun& run) {
  auto expected = exact(reference_of(run));
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    if (!std::isfinite(run.inputs[0].data[i]) || std::isnan(run.inputs[1].data[i])) {
      expected.values[i] = 0;
      expected.bounds[i] = std::numeric_limits<double>::infinity();
    }
  }
  return {{expected}, {}};
}

// Its slope is rounded, and the product; a slope of zero times infinity may be zero.
Prediction leaky_relu(const NodeRun& run) {
  auto expected = relative(reference_of(run), 2 * unit);
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    if (!std::isnan(expected.values[i]) || std::isnan(run.inputs[0].data[i])) continue;
    expected.values[i] = 0;
    expected.bounds[i] = std::numeric_limits<double>::infinity();
  }
  return {{expected}, {}};
}

// Each term but the first is added and rounded.
Prediction accumulate(const NodeRun& run) {
  const auto terms = static_cast<double>(run.inputs.size());
  const auto magnitudes = in_f64(run.shared_op, absolute(run.inputs)).outputs[0].data;
  return {{scaled(reference_of(run), (terms - 1) * unit, magnitudes)}, {}};
}

// grad * y (1 - y): the difference is of numbers up to 1, exact where it cancels.
Prediction sigmoid_backward(const NodeRun& run) {
  return {{relative(reference_of(run), 4 * unit)}, {}};
}

// grad * (1 - y^2): the square is rounded before the difference cancels.
Prediction tanh_backward(const NodeRun& run) {
  std::vector<double> magnitudes;
  for (std::size_t i = 0; i < run.inputs[0].data.size(); ++i) {
    const double y = run.inputs[1].data[i];
    magnitudes.push_back(std::abs(run.inputs[0].data[i]) * (1 + y * y));
  }
  return {{scaled(reference_of(run), 3 * unit, magnitudes)}, {}};
}

// grad * (cdf(x) + x density(x)) with cdf = (1 + erf(x / sqrt 2)) / 2: four units each of erf, which is near
// -1 far below 0, and of the density, whose exponent x^2 / 2 is rounded itself; then two
// products, a sum and the one with the gradient.
Prediction gelu_backward(const NodeRun& run) {
  std::vector<double> magnitudes;
  for (std::size_t i = 0; i < run.inputs[0].data.size(); ++i) {
    const double x = run.inputs[1].data[i];
    const double density = std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    const double cdf = 0.5 * (1 + std::abs(std::erf(x / std::numbers::sqrt2)));
    const double sum = cdf + (std::isinf(x) ? 0.0 : std::abs(x) * density * (1 + x * x));
    magnitudes.push_back(std::abs(run.inputs[0].data[i]) * sum);
  }
  auto expected = scaled(reference_of(run), function_error + 4 * unit, magnitudes);
  for (std::size_t i = 0; i < magnitudes.size(); ++i)
    expected.bounds[i] += 2 * least_normal * std::abs(run.inputs[0].data[i]);
  return {{expected}, {}};
}

Prediction unchanged(const NodeRun& run) {
  return {{exact(run.inputs[0].data)}, {}};
}

// The mask is words of integers, the same in any type; the stream's count, two words, goes on by one.
Prediction dropout_mask(const NodeRun& run) {
  auto prediction = unrounded(run);
  prediction.mutated[0] = exact(in_f64(run.shared_op, run.inputs).mutated.at(0).data);
  return prediction;
}

}  // namespace

void add_elementwise_oracles(Oracles& all) {
  for (const auto* name : {"relu", "negate", "share_of_maximum"}) all[name] = unrounded;
  all["relu_backward"] = relu_backward;
  for (const auto* name : {"add", "subtract", "multiply", "square"}) all[name] = rounded(unit);
  for (const auto* name : {"leaky_relu", "leaky_relu_backward"}) all[name] = leaky_relu;
  for (const auto* name : {"divide", "sqrt"}) all[name] = rounded(unit);
  for (const auto* name : {"log", "tanh"}) all[name] = rounded(function_error);
  for (const auto* name : {"exp", "sigmoid", "gelu"}) all[name] = exponential;
  all["maximum"] = maximum;
  all["accumulate"] = accumulate;
  all["sigmoid_backward"] = sigmoid_backward;
  all["tanh_backward"] = tanh_backward;
  all["gelu_backward"] = gelu_backward;
  // The scale 1 / (1 - rate) is rounded, and the product.
  all["dropout"] = rounded(3 * unit);
  all["dropout_mask"] = dropout_mask;
}

void add_movement_oracles(Oracles& all) {
  for (const auto* name : {"transpose", "slice", "slice_backward", "concatenate", "max", "argmax"})
    all[name] = unrounded;
  for (const auto* name : {"reshape", "flatten", "reorder"}) all[name] = unchanged;
  // A scale that is rounded, and a product.
  all["broadcast_to"] = rounded(3 * unit);
  // A quotient by the number of the largest.
  all["max_backward"] = rounded(2 * unit);
}

}  // namespace keel::differential
