#pragma once

#include "keel/graph/operator.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The largest element of `src` over `axes`, f32 or f64; axes and result as for `sum`. NaN where there is a
/// NaN among them. The gradient goes to the elements that are the largest, in equal shares, as that of
/// PyTorch's amax does.
Var max(const Var& src, const Axes& axes = {}, bool keep_axes = false,
        const SourceLocation& where = SourceLocation::current());

/// Where along `axis` the largest element of `src` stands, s32, of src's shape without that axis: the first
/// one if there are several, and a NaN counts as largest, both as in NumPy. It has no gradient. Throws
/// ShapeError when there is no such axis.
Var argmax(const Var& src, std::int64_t axis = -1, const SourceLocation& where = SourceLocation::current());

/// The operator behind `max`.
class MaxOp final : public Operator {
 public:
  MaxOp(Axes axes, bool keep_axes) : axes_(std::move(axes)), keep_axes_(keep_axes) {}
  [[nodiscard]] std::string_view name() const override { return "max"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;

 private:
  Axes axes_;
  bool keep_axes_;
};

/// grad_src = grad_dst / (how many of the elements reduced to it are the largest) where src is the largest,
/// else 0. Inputs: grad_dst, src, dst.
class MaxBackwardOp final : public Operator {
 public:
  explicit MaxBackwardOp(Axes axes) : axes_(std::move(axes)) {}
  [[nodiscard]] std::string_view name() const override { return "max_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  Axes axes_;
};

/// The operator behind `argmax`.
class ArgmaxOp final : public Operator {
 public:
  explicit ArgmaxOp(std::int64_t axis) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "argmax"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;

 private:
  std::int64_t axis_;
};

}  // namespace keel
