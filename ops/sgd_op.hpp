#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/ops/sgd.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The operator behind `sgd_update`. Inputs: the learning rate, then all parameters, all velocities, and the
/// gradients of those parameters whose velocity the gradient is yet to be added to.
class SgdUpdateOp final : public Operator {
 public:
  /// `accumulated[i]`: velocity i is up to date already but for the decay, since a fusion rule had its
  /// gradient computed into it. Only if `may_accumulate`.
  SgdUpdateOp(const SgdSettings& settings, std::vector<bool> accumulated)
      : settings_(settings), accumulated_(std::move(accumulated)) {}
  [[nodiscard]] std::string_view name() const override { return "sgd_update"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType> inputs) const override;
  [[nodiscard]] std::vector<std::size_t> adjacent(std::span<const ValueType> inputs) const override;

  [[nodiscard]] const SgdSettings& settings() const { return settings_; }
  [[nodiscard]] const std::vector<bool>& accumulated() const { return accumulated_; }
  /// Whether gradients may be accumulated beforehand: not where the step needs them besides the velocity.
  [[nodiscard]] bool may_accumulate() const { return !settings_.nesterov; }
  [[nodiscard]] static std::size_t parameter_input(std::size_t i) { return 1 + i; }
  [[nodiscard]] std::size_t velocity_input(std::size_t i) const { return 1 + accumulated_.size() + i; }
  /// The input that holds the gradient of parameter `i`; none if it is accumulated.
  [[nodiscard]] std::optional<std::size_t> grad_input(std::size_t i) const;

 private:
  SgdSettings settings_;
  std::vector<bool> accumulated_;
};

}  // namespace keel

#pragma GCC visibility pop
