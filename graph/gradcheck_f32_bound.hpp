#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "keel/graph/plan.hpp"
#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// One operator by itself, to be run on values of given types. It has copies of them: what it overwrites is
/// seen by nobody else.
class OneOperator {
 public:
  OneOperator(const Node& node, std::span<const Tensor> inputs, Mode mode);

  /// Its outputs for such inputs, starting from memory full of NaN.
  std::vector<Tensor> run(std::span<const Tensor> inputs);
  /// The inputs after a run, of which it may have overwritten some.
  [[nodiscard]] std::span<const Tensor> arguments() const { return arguments_; }

 private:
  Tape tape_;
  std::vector<Tensor> arguments_;
  std::vector<Var> outputs_;
  std::optional<Plan> plan_;
};

/// Every element as a double, which holds it exactly.
std::vector<double> elements_of(const Tensor& tensor);

/// By output and element, how far an f32 kernel may be off from `results`, those of `exact` for the f64
/// `inputs`: it computes the right result of inputs that are off by a few roundings each, rounded a few times,
/// the more the more terms there may be.
std::vector<std::vector<double>> rounding_bounds(OneOperator& exact, std::span<const Tensor> inputs,
                                                 std::span<const Tensor> results);

}  // namespace keel

#pragma GCC visibility pop
