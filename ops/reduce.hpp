#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Sums `src` over the axes along which `shape` would have to be stretched to become src's: the adjoint of
/// broadcasting. A src that has that shape already is returned as it is. Throws ShapeError when `shape` does
/// not broadcast to src's.
Var sum_to(const Var& src, const Shape& shape, const SourceLocation& where = SourceLocation::current());

/// The mean of all elements, a scalar.
Var mean(const Var& src, const SourceLocation& where = SourceLocation::current());

/// `src` stretched to `shape`. Throws ShapeError when it does not broadcast to exactly that.
Var broadcast_to(const Var& src, const Shape& shape, const SourceLocation& where = SourceLocation::current());

/// The operator behind `sum_to` and `mean`.
class ReduceOp final : public Operator {
 public:
  enum class Kind : std::uint8_t { sum, mean };

  ReduceOp(Kind kind, Shape dst) : kind_(kind), dst_(dst) {}
  [[nodiscard]] std::string_view name() const override { return kind_ == Kind::sum ? "sum_to" : "mean"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Kind kind() const { return kind_; }

 private:
  Kind kind_;
  Shape dst_;
};

/// The operator behind `broadcast_to`; multiplies by `scale` on the way.
class BroadcastOp final : public Operator {
 public:
  explicit BroadcastOp(Shape dst, double scale = 1.0) : dst_(dst), scale_(scale) {}
  [[nodiscard]] std::string_view name() const override { return "broadcast_to"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  Shape dst_;
  double scale_;
};

}  // namespace keel
