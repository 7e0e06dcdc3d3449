#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The negative log-likelihood, a scalar: the mean over the batch of -log_probabilities[i, labels[i]].
/// log_probabilities (N, C), f32 or f64; labels (N), s32. A label outside 0..C-1 is an Error when the plan
/// runs.
Var nll(const Var& log_probabilities, const Var& labels,
        const SourceLocation& where = SourceLocation::current());

/// nll(log_softmax(logits), labels): the cross-entropy of a classifier, the mean over the batch, in nats.
Var cross_entropy(const Var& logits, const Var& labels,
                  const SourceLocation& where = SourceLocation::current());

/// The operator behind `nll`.
class NllOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "nll"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
};

/// The gradient of `nll` for its log-probabilities: -grad / N at each row's label, 0 elsewhere. Inputs: grad
/// (a scalar), labels.
class NllBackwardOp final : public Operator {
 public:
  explicit NllBackwardOp(Shape shape) : shape_(shape) {}
  [[nodiscard]] std::string_view name() const override { return "nll_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  Shape shape_;
};

/// What a fusion rule makes of log_softmax and nll. Inputs: logits, labels. Outputs: the loss, the
/// log-probabilities.
class CrossEntropyOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "log_softmax+nll"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
};

/// What a fusion rule makes of nll_backward and log_softmax_backward: (softmax - onehot(label)) * grad / N.
/// Inputs: grad (a scalar), labels, log-probabilities.
class CrossEntropyBackwardOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "nll_backward+log_softmax_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
};

}  // namespace keel
