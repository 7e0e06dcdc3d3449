#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "keel/graph/operator.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Throws ShapeError unless there are scores (N, C) of one class or more and labels (N).
void require_classification(const ValueType& scores, const ValueType& labels);
/// Throws Error, naming the row, unless the label is from 0 to classes - 1.
void require_label(std::int32_t label, std::int64_t row, std::int64_t classes);

/// The operator behind `nll` without options.
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

#pragma GCC visibility pop
