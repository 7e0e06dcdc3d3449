#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The part of `src` from `begin` up to `end`, which is left out, along `axis`; of any element type. Negative
/// numbers count from the back: slice(src, 0, -2, n) are the last two of n. Throws ShapeError when that is
/// empty or reaches outside src.
Var slice(const Var& src, std::int64_t axis, std::int64_t begin, std::int64_t end,
          const SourceLocation& where = SourceLocation::current());

/// Where a slice lies along its axis, as a caller gives it.
struct SliceRange {
  std::int64_t axis;
  std::int64_t begin;
  std::int64_t end;
};

/// The operator behind `slice`.
class SliceOp final : public Operator {
 public:
  explicit SliceOp(const SliceRange& range) : range_(range) {}
  [[nodiscard]] std::string_view name() const override { return "slice"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  SliceRange range_;
};

/// An array of `src`'s shape that is zero but for the slice, which is the input: the gradient of a slice.
class SliceBackwardOp final : public Operator {
 public:
  SliceBackwardOp(const Shape& src, const SliceRange& range) : src_(src), range_(range) {}
  [[nodiscard]] std::string_view name() const override { return "slice_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  Shape src_;
  SliceRange range_;
};

}  // namespace keel
