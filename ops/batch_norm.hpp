#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// What batch normalization in training yields. The statistics are those of the batch, per feature: the mean,
/// and the biased variance (divided by the number of values). They are for running averages; gradients do not
/// flow through them.
struct BatchNormResult {
  Var dst;
  Var mean;
  Var variance;
};

/// dst = gamma * (src - mean) / sqrt(variance + epsilon) + beta with the statistics of the batch itself
/// (Ioffe and Szegedy 2015). src (N, C) or images (N, C, H, W), whose statistics are over N, H and W; gamma
/// and beta (C). f32 and f64. Throws ShapeError otherwise, or when a feature has only one value: of one there
/// is no variance.
BatchNormResult batch_norm_training(const Var& src, const Var& gamma, const Var& beta, double epsilon = 1e-5,
                                    const SourceLocation& where = SourceLocation::current());

/// The same with given statistics of shape (C), which are constants to the derivative; any N.
Var batch_norm_inference(const Var& src, const Var& gamma, const Var& beta, const Var& mean,
                         const Var& variance, double epsilon = 1e-5,
                         const SourceLocation& where = SourceLocation::current());

/// What the forward and backward operators share.
struct BatchNormSettings {
  double epsilon = 1e-5;
  bool given_statistics = false;  ///< mean and variance are inputs; else the batch's, and outputs
  bool fused_relu = false;        ///< f32 only; where a fusion rule puts one
};

/// Inputs: src, gamma, beta and, with given statistics, mean, variance. Outputs: dst; with the batch's
/// statistics also mean, variance.
class BatchNormOp final : public Operator {
 public:
  explicit BatchNormOp(BatchNormSettings settings) : settings_(settings) {}
  [[nodiscard]] std::string_view name() const override {
    return settings_.fused_relu ? "batch_norm+relu" : "batch_norm";
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
/// Outputs: the gradients of src, gamma, beta. The derivation is above `reference_backward`.
class BatchNormBackwardOp final : public Operator {
 public:
  explicit BatchNormBackwardOp(BatchNormSettings settings) : settings_(settings) {}
  [[nodiscard]] std::string_view name() const override {
    return settings_.fused_relu ? "batch_norm_backward+relu_backward" : "batch_norm_backward";
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
