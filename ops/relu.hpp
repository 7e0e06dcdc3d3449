#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// dst = max(0, src), any shape, f32 or f64; NaN stays NaN. The gradient at 0 is 0, as in PyTorch.
Var relu(const Var& src, const SourceLocation& where = SourceLocation::current());

/// The operator behind `relu`.
class ReluOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "relu"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }
  [[nodiscard]] bool may_overwrite(std::size_t) const override { return true; }
};

/// grad_src = grad_dst where dst > 0, else 0, and NaN where dst is. Inputs: grad_dst, dst.
class ReluBackwardOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "relu_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }
  [[nodiscard]] bool may_overwrite(std::size_t input) const override { return input == 0; }
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
