#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Records the update of batch norm's running statistics, in place, by those of a batch of `count` values a
/// feature:
///
///   running = (1 - momentum) * running + momentum * batch,
///
/// where the variance, biased in the batch, is made unbiased first (times count / (count - 1)), as in
/// PyTorch. All four values are (C); the running ones must be stored. When the plan runs and the batch's
/// statistics are not finite, throws NonFiniteError and leaves the running ones as they were.
void update_running_statistics(const Var& running_mean, const Var& running_variance, const Var& mean,
                               const Var& variance, double momentum, std::int64_t count,
                               const SourceLocation& where = SourceLocation::current());

/// The operator behind `update_running_statistics`. Inputs: running mean, running variance, mean, variance.
class RunningStatisticsOp final : public Operator {
 public:
  RunningStatisticsOp(double momentum, std::int64_t count) : momentum_(momentum), count_(count) {}
  [[nodiscard]] std::string_view name() const override { return "running_statistics"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType>) const override { return {0, 1}; }

 private:
  template <class T>
  [[nodiscard]] Kernel loop(const Binding& binding) const;

  double momentum_;
  std::int64_t count_;
};

}  // namespace keel
