#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Which operands of a product are read transposed, without a copy.
struct Transposes {
  bool src = false;
  bool weights = false;
};

/// dst = src * weights for matrices (m, k) and (k, n); an operand whose transpose flag is set is stored as
/// (k, m) or (n, k). Either may have leading axes in front, (..., m, k), which make it a batch of matrices:
/// both the same ones, or one operand none, which is then a factor of every product. f32 and f64, both
/// operands alike. Throws ShapeError otherwise.
Var matmul(const Var& src, const Var& weights, Transposes transposes = {},
           const SourceLocation& where = SourceLocation::current());

/// dst = src * weights^T + bias: src (N, in), weights (out, in) as PyTorch stores them, bias (out) or
/// undefined for none.
Var linear(const Var& src, const Var& weights, const Var& bias = {},
           const SourceLocation& where = SourceLocation::current());

/// The operator behind `matmul`.
class MatmulOp final : public Operator {
 public:
  explicit MatmulOp(Transposes transposes) : transposes_(transposes) {}
  [[nodiscard]] std::string_view name() const override { return "matmul"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Transposes transposes() const { return transposes_; }

 private:
  Transposes transposes_;
};

/// What a fusion rule makes of a weight gradient that only an SGD update reads: the product is added straight
/// into the velocity, velocity = momentum * velocity + src * weights, and is never a value of its own. f32.
/// Inputs: src, weights, the velocity, which is stored.
class MatmulIntoVelocityOp final : public Operator {
 public:
  MatmulIntoVelocityOp(Transposes transposes, double momentum)
      : transposes_(transposes), momentum_(momentum) {}
  [[nodiscard]] std::string_view name() const override { return "matmul+velocity"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override;
  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType>) const override { return {2}; }

 private:
  Transposes transposes_;
  double momentum_;
};

/// The operator behind `linear`, with a ReLU behind it where a fusion rule puts one. Inputs: src, weights
/// and, if any, bias.
class LinearOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "linear"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
};

}  // namespace keel
