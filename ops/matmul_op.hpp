#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/ops/matmul.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The operator behind `matmul`.
class MatmulOp final : public Operator {
 public:
  explicit MatmulOp(Transposes transposes) : transposes_(transposes) {}
  [[nodiscard]] std::string_view name() const override { return "matmul"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &MatmulOp::transposes_);
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return {{"transpose_src", transposes_.src ? 1.0 : 0.0},
            {"transpose_weights", transposes_.weights ? 1.0 : 0.0}};
  }
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

/// The operator behind `linear`. Inputs: src, weights and, if any, bias.
class LinearOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "linear"; }
  [[nodiscard]] bool is_same(const Operator& other) const override { return same_settings(*this, other); }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
};

}  // namespace keel

#pragma GCC visibility pop
