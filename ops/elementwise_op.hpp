#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "keel/graph/operator.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The operator behind the functions of elementwise.hpp and relu.hpp; each kind is a row of the table in
/// elementwise.cpp.
class ElementwiseOp final : public Operator {
 public:
  enum class Kind : std::uint8_t { negate, exp, log, sqrt, square, relu, leaky_relu, sigmoid, tanh, gelu };

  /// `slope` is leaky_relu's.
  explicit ElementwiseOp(Kind kind, double slope = 0.0) : kind_(kind), slope_(slope) {}
  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &ElementwiseOp::kind_, &ElementwiseOp::slope_);
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return kind_ == Kind::leaky_relu ? std::vector<Attribute>{{"slope", slope_}} : std::vector<Attribute>{};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }
  [[nodiscard]] bool may_overwrite(std::size_t) const override { return true; }
  [[nodiscard]] Kind kind() const { return kind_; }

 private:
  Kind kind_;
  double slope_;
};

/// grad_src = grad_dst times the derivative, of the activations. Inputs: grad_dst, and dst, or src for gelu.
class ElementwiseBackwardOp final : public Operator {
 public:
  explicit ElementwiseBackwardOp(ElementwiseOp::Kind kind, double slope = 0.0) : kind_(kind), slope_(slope) {}
  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &ElementwiseBackwardOp::kind_, &ElementwiseBackwardOp::slope_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }
  [[nodiscard]] bool may_overwrite(std::size_t input) const override { return input == 0; }
  [[nodiscard]] ElementwiseOp::Kind kind() const { return kind_; }

 private:
  ElementwiseOp::Kind kind_;
  double slope_;
};

/// What a fusion rule makes of relu_backward and the bias gradient behind it, in f32. Inputs: grad_dst, dst,
/// both (N, C). Outputs: grad_src, and its sum over the batch, (C).
class ReluBackwardBiasOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "relu_backward+sum_to"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] bool may_overwrite(std::size_t input) const override { return input == 0; }
};

}  // namespace keel

#pragma GCC visibility pop
