#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/ops/axes.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The operator behind `sum`, `mean` and `sum_to`.
class ReduceOp final : public Operator {
 public:
  enum class Kind : std::uint8_t { sum, mean };

  ReduceOp(Kind kind, Axes axes, bool keep_axes)
      : kind_(kind), axes_(std::move(axes)), keep_axes_(keep_axes) {}
  /// Sums to `dst` as `sum_to` does.
  explicit ReduceOp(const Shape& dst) : kind_(Kind::sum), keep_axes_(false), stretched_(dst) {}

  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &ReduceOp::kind_, &ReduceOp::axes_, &ReduceOp::keep_axes_,
                         &ReduceOp::stretched_);
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return {{"axes", axes_}, {"keep_axes", keep_axes_ ? 1.0 : 0.0}};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;
  [[nodiscard]] Kind kind() const { return kind_; }
  /// src's shape with an extent of 1 along each axis that is reduced. Throws ShapeError as the functions do.
  [[nodiscard]] Shape kept(const Shape& src) const;

 private:
  Kind kind_;
  Axes axes_;
  bool keep_axes_;
  std::optional<Shape> stretched_;  // then the axes follow from it
};

}  // namespace keel

#pragma GCC visibility pop
