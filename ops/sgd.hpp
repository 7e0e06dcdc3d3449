#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Records one step of stochastic gradient descent with momentum over all parameters, in place, as PyTorch
/// defines it:
///
///   velocity = momentum * velocity + grad,   parameter = parameter - learning_rate * velocity.
///
/// parameters, velocities (both stored) and grads correspond one to one; the learning rate is a stored f64
/// scalar, read at every run. Parameters that lie side by side in memory are updated in one sweep. When a
/// plan runs and a gradient is not finite, throws NonFiniteError; the parameters are then lost.
void sgd_update(std::span<const Var> parameters, std::span<const Var> velocities, std::span<const Var> grads,
                const Var& learning_rate, double momentum,
                const SourceLocation& where = SourceLocation::current());

/// The operator behind `sgd_update`. Inputs: the learning rate, then all parameters, all velocities, and the
/// gradients of those parameters whose velocity the gradient is yet to be added to.
class SgdUpdateOp final : public Operator {
 public:
  /// `accumulated[i]`: velocity i is up to date already, since a fusion rule had its gradient computed into
  /// it.
  SgdUpdateOp(double momentum, std::vector<bool> accumulated)
      : momentum_(momentum), accumulated_(std::move(accumulated)) {}
  [[nodiscard]] std::string_view name() const override { return "sgd_update"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType> inputs) const override;
  [[nodiscard]] std::vector<std::size_t> adjacent(std::span<const ValueType> inputs) const override;

  [[nodiscard]] double momentum() const { return momentum_; }
  [[nodiscard]] const std::vector<bool>& accumulated() const { return accumulated_; }
  [[nodiscard]] static std::size_t parameter_input(std::size_t i) { return 1 + i; }
  [[nodiscard]] std::size_t velocity_input(std::size_t i) const { return 1 + accumulated_.size() + i; }
  /// The input that holds the gradient of parameter `i`; none if it is accumulated.
  [[nodiscard]] std::optional<std::size_t> grad_input(std::size_t i) const;

 private:
  template <class T>
  [[nodiscard]] Kernel sweep(const Binding& binding) const;

  double momentum_;
  std::vector<bool> accumulated_;
};

}  // namespace keel
