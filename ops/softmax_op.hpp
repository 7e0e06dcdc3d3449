#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "keel/graph/operator.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The operator behind `softmax` and, with `logarithm`, `log_softmax`.
class SoftmaxOp final : public Operator {
 public:
  SoftmaxOp(std::int64_t axis, bool logarithm) : axis_(axis), logarithm_(logarithm) {}
  [[nodiscard]] std::string_view name() const override { return logarithm_ ? "log_softmax" : "softmax"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &SoftmaxOp::axis_, &SoftmaxOp::logarithm_);
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"axis", axis_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  /// As given: may be negative.
  [[nodiscard]] std::int64_t axis() const { return axis_; }
  [[nodiscard]] bool logarithm() const { return logarithm_; }

 private:
  std::int64_t axis_;
  bool logarithm_;
};

/// grad_src = dst * (grad_dst - sum(grad_dst * dst)) along the axis or, with `logarithm`, grad_dst - exp(dst) *
/// sum(grad_dst). Inputs: grad_dst, dst.
class SoftmaxBackwardOp final : public Operator {
 public:
  SoftmaxBackwardOp(std::int64_t axis, bool logarithm) : axis_(axis), logarithm_(logarithm) {}
  [[nodiscard]] std::string_view name() const override {
    return logarithm_ ? "log_softmax_backward" : "softmax_backward";
  }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &SoftmaxBackwardOp::axis_, &SoftmaxBackwardOp::logarithm_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override;
  [[nodiscard]] std::int64_t axis() const { return axis_; }
  [[nodiscard]] bool logarithm() const { return logarithm_; }

 private:
  std::int64_t axis_;
  bool logarithm_;
};

}  // namespace keel

#pragma GCC visibility pop
