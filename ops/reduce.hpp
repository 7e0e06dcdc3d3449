#pragma once

#include <optional>

#include "keel/graph/operator.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The sum of `src` over `axes`, f32 or f64: {0, 2}, {-1} for the last one; none for all, which gives a
/// scalar. The result lacks these axes or, with `keep_axes`, has them with extent 1. Throws ShapeError when
/// an axis is out of range or named twice.
Var sum(const Var& src, const Axes& axes = {}, bool keep_axes = false,
        const SourceLocation& where = SourceLocation::current());

/// The mean of `src` over `axes`, as for `sum`: of all elements where none are named.
Var mean(const Var& src, const Axes& axes = {}, bool keep_axes = false,
         const SourceLocation& where = SourceLocation::current());

/// Sums `src` over the axes along which `shape` would have to be stretched to become src's: the adjoint of
/// broadcasting. A src that has that shape already is returned as it is. Throws ShapeError when `shape` does
/// not broadcast to src's.
Var sum_to(const Var& src, const Shape& shape, const SourceLocation& where = SourceLocation::current());

/// `src` stretched to `shape`. Throws ShapeError when it does not broadcast to exactly that.
Var broadcast_to(const Var& src, const Shape& shape, const SourceLocation& where = SourceLocation::current());

/// The operator behind `sum`, `mean` and `sum_to`.
class ReduceOp final : public Operator {
 public:
  enum class Kind : std::uint8_t { sum, mean };

  ReduceOp(Kind kind, Axes axes, bool keep_axes)
      : kind_(kind), axes_(std::move(axes)), keep_axes_(keep_axes) {}
  /// Sums to `dst` as `sum_to` does.
  explicit ReduceOp(const Shape& dst) : kind_(Kind::sum), keep_axes_(false), stretched_(dst) {}

  [[nodiscard]] std::string_view name() const override;
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
