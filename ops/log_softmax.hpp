#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// dst = src - log(sum(exp(src))) along the last axis, computed without overflow. Any shape of rank 1 or
/// more, f32 or f64. In f32, oneDNN passes a NaN on to its own element alone, not to the whole row.
Var log_softmax(const Var& src, const SourceLocation& where = SourceLocation::current());

/// The operator behind `log_softmax`.
class LogSoftmaxOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "log_softmax"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
};

/// grad_src = grad_dst - exp(dst) * sum(grad_dst) along the last axis. Inputs: grad_dst, dst.
class LogSoftmaxBackwardOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "log_softmax_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
};

}  // namespace keel
