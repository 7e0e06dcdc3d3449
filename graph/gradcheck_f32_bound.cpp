#include "keel/graph/gradcheck_f32_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/runtime/rng.hpp"

namespace keel {
namespace {

constexpr double unit_roundoff = 0x1p-24;

// f64 inputs, each element off by a share of itself, up or down.
std::vector<Tensor> perturbed(std::span<const Tensor> inputs, double share, std::uint64_t seed) {
  std::vector<Tensor> result;
  Rng rng{seed};
  for (const auto& input : inputs) {
    result.push_back(input.clone());
    if (input.dtype() != DType::f64) continue;
    for (auto& element : result.back().data<double>())
      element *= 1.0 + (rng.bits() % 2 == 0 ? share : -share);
  }
  return result;
}

// Rounding errors are as good as independent, so that those of a sum grow with the root of the number of its
// terms, of which an operator has at most as many as its largest input has elements.
double rounding_errors(std::span<const Tensor> inputs) {
  std::int64_t terms = 1;
  for (const auto& input : inputs) terms = std::max(terms, input.shape().elements());
  return 8.0 * std::sqrt(static_cast<double>(terms));
}

// Polynomials in the place of exponentials and logarithms are good to some 18 bits; small elements may be what
// is left of large ones, or too small for f32.
std::vector<double> roundings_of(const std::vector<double>& values, double errors, double largest_input) {
  double largest = 0.0;
  for (const double value : values)
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  if (largest == 0.0) largest = 4.0 * largest_input;  // zeros are the whole of what is left
  std::vector<double> bounds;
  for (const double value : values) {
    bounds.push_back(std::abs(value) * (0x1p-16 + errors * unit_roundoff) + 0x1p-20 * largest +
                     errors * static_cast<double>(std::numeric_limits<float>::min()));
  }
  return bounds;
}

}  // namespace

OneOperator::OneOperator(const Node& node, std::span<const Tensor> inputs, Mode mode) : tape_(mode) {
  std::vector<ValueType> types;
  for (const auto& input : inputs) types.push_back(input.type());
  const auto mutated = node.op->mutates(types);
  std::vector<Var> vars;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    arguments_.push_back(inputs[i].clone());
    const bool is_mutated = std::ranges::count(mutated, i) > 0;
    vars.push_back(is_mutated ? tape_.stored(arguments_[i]) : tape_.input(types[i]));
  }
  outputs_ = tape_.record(node.op, vars, node.where);
  plan_.emplace(tape_, outputs_);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (std::ranges::count(mutated, i) == 0) plan_->bind(vars[i], arguments_[i]);
  }
}

std::vector<Tensor> OneOperator::run(std::span<const Tensor> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::copy_n(inputs[i].bytes(), inputs[i].type().bytes(), arguments_[i].bytes());
  }
  plan_->poison();
  plan_->run();
  std::vector<Tensor> results;
  for (std::size_t i = 0; i < outputs_.size(); ++i) results.push_back(plan_->output(i).clone());
  return results;
}

std::vector<double> elements_of(const Tensor& tensor) {
  const auto copied = [](const auto& data) { return std::vector<double>(data.begin(), data.end()); };
  switch (tensor.dtype()) {
    case DType::f32:
      return copied(tensor.data<float>());
    case DType::f64:
      return copied(tensor.data<double>());
    case DType::s32:
      return copied(tensor.data<std::int32_t>());
    case DType::u8:
      return copied(tensor.data<std::uint8_t>());
  }
  return {};
}

// What the roundings of the inputs do is tried out in f64. Where less of them does not do less, the operator
// compares its inputs, as the derivative of a maximum does, and must take them for what they are.
std::vector<std::vector<double>> rounding_bounds(OneOperator& exact, std::span<const Tensor> inputs,
                                                 std::span<const Tensor> results) {
  constexpr double less = 1.0 / 16.0;
  const double errors = rounding_errors(inputs);
  double largest = 0.0;
  for (const auto& input : inputs) {
    for (const double element : elements_of(input)) {
      if (std::isfinite(element)) largest = std::max(largest, std::abs(element));
    }
  }
  std::vector<std::vector<double>> bounds;
  for (const auto& result : results) bounds.push_back(roundings_of(elements_of(result), errors, largest));
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const auto changed = exact.run(perturbed(inputs, unit_roundoff, seed));
    const auto changed_less = exact.run(perturbed(inputs, less * unit_roundoff, seed));
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto from = elements_of(results[i]);
      const auto to = elements_of(changed[i]);
      const auto to_less = elements_of(changed_less[i]);
      for (std::size_t k = 0; k < from.size(); ++k) {
        const double change = std::abs(to[k] - from[k]);
        const bool is_smooth = std::abs(to_less[k] - from[k]) <= 4.0 * less * change;
        if (is_smooth && std::isfinite(change)) bounds[i][k] += errors * change;
      }
    }
  }
  return bounds;
}

}  // namespace keel
