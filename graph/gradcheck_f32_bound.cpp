#include "keel/graph/gradcheck_f32_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/runtime/rng.hpp"

namespace keel {
namespace {

constexpr double unit_roundoff = 0x1p-24;

// f64 inputs, each element times what `factor` draws for it.
template <class Factor>
std::vector<Tensor> perturbed(std::span<const Tensor> inputs, std::uint64_t seed, const Factor& factor) {
  std::vector<Tensor> result;
  Rng rng{seed};
  for (const auto& input : inputs) {
    result.push_back(input.clone());
    if (input.dtype() != DType::f64) continue;
    for (auto& element : result.back().data<double>()) element *= factor(rng);
  }
  return result;
}

// Off by that share, up or down, or every third also not at all: what moves all terms of a sum alike may cancel.
auto off_by(double share, bool some_stay) {
  return [share, some_stay](Rng& rng) {
    const auto which = rng.bits() % (some_stay ? 3 : 2);
    return which == 2 ? 1.0 : 1.0 + (which == 0 ? share : -share);
  };
}

// A random quarter is off.
double quarter_off(Rng& rng) {
  return rng.bits() % 4 == 0 ? 1.0 + 0x1p-10 : 1.0;
}

// Rounding errors are as good as independent, so that those of a sum grow with the root of the number of its
// terms.
double rounding_errors(double terms) {
  return 8.0 * std::sqrt(terms);
}

// An operator has at most as many terms as its largest input has elements.
double most_terms(std::span<const Tensor> inputs) {
  std::int64_t terms = 1;
  for (const auto& input : inputs) terms = std::max(terms, input.shape().elements());
  return static_cast<double>(terms);
}

// By output and element, how many terms it is taken to be made of. One that a change of a quarter of the inputs
// left as it was depends on few of them: of n, all are left alone with a chance of (3/4)^n.
std::vector<std::vector<double>> terms_of(OneOperator& exact, std::span<const Tensor> inputs,
                                          std::span<const Tensor> results) {
  const double most = most_terms(inputs);
  const double few = std::min(most, 8.0);
  std::vector<std::vector<double>> terms;
  for (const auto& result : results)
    terms.emplace_back(static_cast<std::size_t>(result.shape().elements()), most);
  for (const std::uint64_t seed : {11U, 12U, 13U, 14U, 15U, 16U}) {
    const auto changed = exact.run(perturbed(inputs, seed, quarter_off));
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto from = elements_of(results[i]);
      const auto to = elements_of(changed[i]);
      for (std::size_t k = 0; k < from.size(); ++k)
        if (to[k] == from[k]) terms[i][k] = few;
    }
  }
  return terms;
}

// Exponentials and logarithms are good to some three units in the last place, and a kernel may take several;
// small elements may be what is left of large ones, or too small for f32.
std::vector<double> roundings_of(const std::vector<double>& values, const std::vector<double>& terms,
                                 double largest_input) {
  double largest = 0.0;
  for (const double value : values)
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  if (largest == 0.0) largest = 4.0 * largest_input;  // zeros are the whole of what is left
  std::vector<double> bounds;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double errors = rounding_errors(terms[i]);
    bounds.push_back(std::abs(values[i]) * (16.0 + errors) * unit_roundoff + 4.0 * unit_roundoff * largest +
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
  const auto terms = terms_of(exact, inputs, results);
  double largest = 0.0;
  for (const auto& input : inputs) {
    for (const double element : elements_of(input)) {
      if (std::isfinite(element)) largest = std::max(largest, std::abs(element));
    }
  }
  std::vector<std::vector<double>> changes;  // the largest, by output and element
  for (const auto& of_result : terms) changes.emplace_back(of_result.size());
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const bool some_stay = seed > 3;
    const auto changed = exact.run(perturbed(inputs, seed, off_by(unit_roundoff, some_stay)));
    const auto changed_less = exact.run(perturbed(inputs, seed, off_by(less * unit_roundoff, some_stay)));
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto from = elements_of(results[i]);
      const auto to = elements_of(changed[i]);
      const auto to_less = elements_of(changed_less[i]);
      for (std::size_t k = 0; k < from.size(); ++k) {
        const double change = std::abs(to[k] - from[k]);
        const bool is_smooth = std::abs(to_less[k] - from[k]) <= 4.0 * less * change;
        if (is_smooth && std::isfinite(change)) changes[i][k] = std::max(changes[i][k], change);
      }
    }
  }
  std::vector<std::vector<double>> bounds;
  for (std::size_t i = 0; i < results.size(); ++i) {
    bounds.push_back(roundings_of(elements_of(results[i]), terms[i], largest));
    for (std::size_t k = 0; k < terms[i].size(); ++k)
      bounds[i][k] += rounding_errors(terms[i][k]) * changes[i][k];
  }
  return bounds;
}

}  // namespace keel
