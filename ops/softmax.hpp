#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

// Both work along one axis of a src of rank 1 or more, f32 or f64; a negative axis counts from the back.
// Throws ShapeError when there is no such axis.
//
// A NaN or an infinity is NaN in the result, and so should be all others along the axis. In f32 along the
// last axis oneDNN makes them 0 and -infinity instead, and does not see a NaN that is alone there. -infinity
// has probability 0; all of them -infinity is NaN.

/// dst = exp(src) / sum(exp(src)) along `axis`, computed without overflow.
Var softmax(const Var& src, int axis = -1, const SourceLocation& where = SourceLocation::current());
/// dst = src - log(sum(exp(src))) along `axis`, computed without overflow.
Var log_softmax(const Var& src, int axis = -1, const SourceLocation& where = SourceLocation::current());

/// The operator behind `softmax`.
class SoftmaxOp final : public Operator {
 public:
  explicit SoftmaxOp(int axis = -1) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "softmax"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  int axis_;
};

/// grad_src = dst * (grad_dst - sum(grad_dst * dst)) along the axis. Inputs: grad_dst, dst.
class SoftmaxBackwardOp final : public Operator {
 public:
  explicit SoftmaxBackwardOp(int axis = -1) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "softmax_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override;

 private:
  int axis_;
};

/// The operator behind `log_softmax`.
class LogSoftmaxOp final : public Operator {
 public:
  explicit LogSoftmaxOp(int axis = -1) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "log_softmax"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  /// As given: may be negative.
  [[nodiscard]] int axis() const { return axis_; }

 private:
  int axis_;
};

/// grad_src = grad_dst - exp(dst) * sum(grad_dst) along the axis. Inputs: grad_dst, dst.
class LogSoftmaxBackwardOp final : public Operator {
 public:
  explicit LogSoftmaxBackwardOp(int axis = -1) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "log_softmax_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override;
  [[nodiscard]] int axis() const { return axis_; }

 private:
  int axis_;
};

}  // namespace keel
