#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The elements of `src`, in order, under another shape, of any element type. One extent may be -1: what the
/// others leave. Throws ShapeError when the numbers of elements differ. Costs nothing: a plan lets both share
/// their memory, except where the view is the plan's output or src is a stored value that is updated later.
Var reshape(const Var& src, std::vector<std::int64_t> extents,
            const SourceLocation& where = SourceLocation::current());
/// The same for a shape at hand; a src that has it already is returned as it is.
Var reshape_to(const Var& src, const Shape& shape, const SourceLocation& where = SourceLocation::current());

/// Folds the axes from `first_axis` on into one: (N, C, H, W) becomes (N, C * H * W). Throws ShapeError when
/// there is no such axis.
Var flatten(const Var& src, std::int64_t first_axis = 1,
            const SourceLocation& where = SourceLocation::current());

/// What `reshape` and `flatten` have in common: everything but the rule for the shape.
class ViewOp : public Operator {
 public:
  [[nodiscard]] Kernel bind(const Binding& binding) const final;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const final;
  [[nodiscard]] bool is_view() const final { return true; }
};

/// The operator behind `reshape`.
class ReshapeOp final : public ViewOp {
 public:
  explicit ReshapeOp(std::vector<std::int64_t> extents) : extents_(std::move(extents)) {}
  [[nodiscard]] std::string_view name() const override { return "reshape"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;

 private:
  std::vector<std::int64_t> extents_;
};

/// The operator behind `flatten`.
class FlattenOp final : public ViewOp {
 public:
  explicit FlattenOp(std::int64_t first_axis) : first_axis_(first_axis) {}
  [[nodiscard]] std::string_view name() const override { return "flatten"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;

 private:
  std::int64_t first_axis_;
};

}  // namespace keel
