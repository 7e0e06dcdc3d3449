#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/runtime/communicator.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// What the forward and backward operators share.
struct BatchNormSettings {
  double epsilon = 1e-5;
  bool given_statistics = false;  ///< mean and variance are inputs; else the batch's, and outputs
  bool fused_relu = false;        ///< f32 only; where a fusion rule puts one
  bool of_groups = false;         ///< the features are groups of a sample's own: see group_norm.cpp
  Communicator ranks = {};        ///< over whose samples the statistics are
  bool operator==(const BatchNormSettings&) const = default;
};

/// Inputs: src, gamma, beta and, with given statistics, mean, variance. Outputs: dst; with the batch's
/// statistics also mean, variance; with those of several ranks also the number of values a feature, of all ranks.
class BatchNormOp final : public Operator {
 public:
  explicit BatchNormOp(BatchNormSettings settings) : settings_(std::move(settings)) {}
  [[nodiscard]] std::string_view name() const override {
    if (settings_.of_groups) return "group_norm";
    return settings_.fused_relu ? "batch_norm+relu" : "batch_norm";
  }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &BatchNormOp::settings_);
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return {{"epsilon", settings_.epsilon}, {"given_statistics", settings_.given_statistics ? 1.0 : 0.0}};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;
  [[nodiscard]] const BatchNormSettings& settings() const { return settings_; }

 private:
  BatchNormSettings settings_;
};

/// Inputs: src, gamma, beta, mean, variance, grad_dst and, with a fused ReLU, what that made of dst.
/// Outputs: the gradients of src, gamma, beta. The derivation is in batch_norm_reference.cpp.
class BatchNormBackwardOp final : public Operator {
 public:
  explicit BatchNormBackwardOp(BatchNormSettings settings) : settings_(std::move(settings)) {}
  [[nodiscard]] std::string_view name() const override {
    if (settings_.of_groups) return "group_norm_backward";
    return settings_.fused_relu ? "batch_norm_backward+relu_backward" : "batch_norm_backward";
  }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &BatchNormBackwardOp::settings_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;
  [[nodiscard]] const BatchNormSettings& settings() const { return settings_; }

 private:
  BatchNormSettings settings_;
};

}  // namespace keel

#pragma GCC visibility pop
