#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "keel/graph/numeric_derivative.hpp"
#include "keel/graph/plan.hpp"
#include "keel/graph/stored_state.hpp"
#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// A function of arrays whose derivative is to be checked, and where.
struct CheckedFunction {
  std::function<std::vector<Var>(std::span<const Var>)> function;  ///< its outputs must be f64
  std::vector<Tensor> inputs;               ///< in memory of their own: the check moves them
  std::vector<std::size_t> differentiated;  ///< the inputs, all f64, whose gradients are checked
  std::vector<std::string> names = {};      ///< of the first inputs, which the function stores itself
  Mode mode = Mode::training;
  std::uint64_t seed = 1;           ///< of the upstream gradients
  std::size_t upstream_inputs = 0;  ///< the last inputs, which are upstream gradients: see `derivative_of`

  /// Whether an input is a stored value, in the memory that the function stores it from.
  [[nodiscard]] bool is_stored(std::size_t input) const { return input < names.size(); }
  /// "input 0", a stored value's own name, or "the upstream gradient".
  [[nodiscard]] std::string name_of(std::size_t input) const;
  /// The inputs on a tape, as its first values.
  [[nodiscard]] std::vector<Var> on(Tape& tape) const;
  /// Those that are not stored, which `function` is called with.
  [[nodiscard]] std::span<const Var> arguments(std::span<const Var> vars) const {
    return vars.subspan(names.size());
  }
};

/// The function on a tape of its own, between copies: operators then find their values where they would in
/// the middle of a network, and can overwrite them.
class RecordedFunction {
 public:
  /// Keeps a reference to `checked`.
  explicit RecordedFunction(const CheckedFunction& checked);

  /// Records the function and returns its outputs. May be called again, for a second function of the same
  /// inputs.
  std::vector<Var> outputs();
  /// Records the gradients of the differentiated inputs.
  std::vector<Var> gradients(std::span<const Var> outputs, std::span<const Tensor> upstream);
  /// A plan for `results` with all inputs bound.
  [[nodiscard]] Plan compile(std::span<const Var> results, const PlanOptions& options) const;
  [[nodiscard]] const Tape& tape() const { return tape_; }

 private:
  const CheckedFunction& checked_;
  Tape tape_;
  std::vector<Var> inputs_;
  std::vector<Var> copies_;
};

/// Normal random numbers of the outputs' shapes; `set` picks one of several independent sets.
std::vector<Tensor> upstream_gradients(std::span<const Var> outputs, std::uint64_t seed, std::size_t set = 0);

/// The elements of the results of a run that starts from, and leaves, the stored values as they were.
std::vector<std::vector<double>> run_from(const StoredState& state, Plan& plan, std::size_t results);

/// Elements that move together, and how far each one does.
struct Direction {
  std::vector<std::size_t> elements;
  std::vector<double> weights;
};

/// The scalar whose gradient is checked: the sum of all outputs times the upstream gradient.
class WeightedValue {
 public:
  /// Keeps references to both.
  WeightedValue(const CheckedFunction& checked, StoredState& state);
  WeightedValue(const WeightedValue&) = delete;
  WeightedValue& operator=(const WeightedValue&) = delete;

  /// Whether operators lead from `input` to an output.
  [[nodiscard]] bool depends_on(std::size_t input) const { return matters_[input] != 0; }

  /// What changes in it when `input` is moved by `step` along `direction`.
  Change change(std::size_t input, const Direction& direction, double step);

 private:
  std::vector<double> outputs();
  void find_what_matters();

  const CheckedFunction& checked_;
  StoredState& state_;
  RecordedFunction recording_;
  std::vector<Var> results_;
  Plan plan_;
  std::vector<double> weights_;
  std::vector<double> unmoved_;
  std::vector<char> matters_;  // by value of the recording, of which the inputs are the first
};

}  // namespace keel

#pragma GCC visibility pop
