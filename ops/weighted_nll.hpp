#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "keel/graph/operator.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// What the rows' targets are made of beside their labels.
struct TargetSettings {
  std::optional<std::int32_t> ignore_index = {};
  double smoothing = 0.0;
};

/// The terms of `nll` with options. A row's target t is (1 - smoothing) at its label and smoothing / C more for
/// each of the C classes, times the classes' weights; where its label is ignored, nothing.
/// Inputs: log_probabilities (N, C), labels (N) and, if any, the classes' weights (C). Outputs: each row's
/// -sum of t log_probabilities, over the classes whose t is not 0; each row's share in the mean, the weight of
/// its label.
class WeightedNllOp final : public Operator {
 public:
  explicit WeightedNllOp(const TargetSettings& settings) : settings_(settings) {}
  [[nodiscard]] std::string_view name() const override { return "weighted_nll"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] const TargetSettings& settings() const { return settings_; }

 private:
  TargetSettings settings_;
};

/// The gradient of the log-probabilities, of shape `shape`: -t times the row's gradient. Inputs: grad (N), labels
/// and, if any, the classes' weights.
class WeightedNllBackwardOp final : public Operator {
 public:
  WeightedNllBackwardOp(const TargetSettings& settings, Shape shape) : settings_(settings), shape_(shape) {}
  [[nodiscard]] std::string_view name() const override { return "weighted_nll_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  TargetSettings settings_;
  Shape shape_;
};

}  // namespace keel

#pragma GCC visibility pop
