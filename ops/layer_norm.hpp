#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// dst = gamma * (src - mean) / sqrt(variance + epsilon) + beta, mean and (biased) variance being those of
/// the sample itself over the last axis (Ba, Kiros and Hinton 2016). src of rank 2 or more, its last axis
/// being the features; gamma and beta (features). The same in training and inference. f32 and f64. Throws
/// ShapeError otherwise.
Var layer_norm(const Var& src, const Var& gamma, const Var& beta, double epsilon = 1e-5,
               const SourceLocation& where = SourceLocation::current());

/// The operator behind `layer_norm`. Inputs: src, gamma, beta. Outputs: dst and, for the derivative, mean and
/// variance, whose shape is that of src without its last axis.
class LayerNormOp final : public Operator {
 public:
  explicit LayerNormOp(double epsilon) : epsilon_(epsilon) {}
  [[nodiscard]] std::string_view name() const override { return "layer_norm"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  double epsilon_;
};

/// Inputs: src, gamma, beta, mean, variance, grad_dst. Outputs: the gradients of src, gamma, beta. The
/// derivation is above `reference_backward`.
class LayerNormBackwardOp final : public Operator {
 public:
  explicit LayerNormBackwardOp(double epsilon) : epsilon_(epsilon) {}
  [[nodiscard]] std::string_view name() const override { return "layer_norm_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override;

 private:
  double epsilon_;
};

}  // namespace keel
