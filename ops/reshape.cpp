#include "keel/ops/reshape.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// What `reshape` and `flatten` have in common: everything but the rule for the shape.
class ViewOp : public Operator {
 public:
  [[nodiscard]] Kernel bind(const Binding& binding) const final {
    return {[&src = binding.input_slot(0), &dst = binding.output_slot(0),
             bytes = binding.output_type(0).bytes()] { std::memcpy(dst.data(), src.data(), bytes); },
            "loop"};
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const final {
    return {reshape_to(context.output_grads[0], context.inputs[0].shape(), context.where)};
  }

  [[nodiscard]] bool is_view() const final { return true; }
};

// The operator behind `reshape`.
class ReshapeOp final : public ViewOp {
 public:
  explicit ReshapeOp(std::vector<std::int64_t> extents) : extents_(std::move(extents)) {}
  [[nodiscard]] std::string_view name() const override { return "reshape"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &ReshapeOp::extents_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    const auto& src = inputs[0].shape;
    const auto text = [&] { return fmt::format("({})", fmt::join(extents_, ", ")); };
    auto extents = extents_;
    const auto open = std::ranges::find(extents, -1);
    if (open != extents.end()) {
      if (std::ranges::count(extents, -1) > 1) {
        throw ShapeError{fmt::format("{} leaves more than one extent open", text())};
      }
      *open = 1;
      const auto others = Shape{extents}.elements();
      if (others == 0 || src.elements() % others != 0) {
        throw ShapeError{fmt::format("the {} of {} can't fill {}", counted(src.elements(), "element"),
                                     to_string(src), text())};
      }
      *open = src.elements() / others;
    }
    const Shape dst{extents};
    if (dst.elements() != src.elements()) {
      throw ShapeError{fmt::format("{} has {}, {} would have {}", to_string(src),
                                   counted(src.elements(), "element"), to_string(dst), dst.elements())};
    }
    return {{dst, inputs[0].dtype}};
  }

 private:
  std::vector<std::int64_t> extents_;
};

// The operator behind `flatten`.
class FlattenOp final : public ViewOp {
 public:
  explicit FlattenOp(std::int64_t first_axis) : first_axis_(first_axis) {}
  [[nodiscard]] std::string_view name() const override { return "flatten"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &FlattenOp::first_axis_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    const auto& src = inputs[0].shape;
    const auto axis = axis_of(first_axis_, src);
    const auto leading = src.extents().first(axis);
    std::vector<std::int64_t> extents{leading.begin(), leading.end()};
    extents.push_back(elements_between(src, axis, src.rank()));
    return {{Shape{extents}, inputs[0].dtype}};
  }

 private:
  std::int64_t first_axis_;
};

}  // namespace

Var reshape(const Var& src, std::vector<std::int64_t> extents, const SourceLocation& where) {
  return record(std::make_shared<ReshapeOp>(std::move(extents)), {src}, where);
}

Var reshape_to(const Var& src, const Shape& shape, const SourceLocation& where) {
  if (src.shape() == shape) return src;
  return reshape(src, {shape.extents().begin(), shape.extents().end()}, where);
}

Var flatten(const Var& src, std::int64_t first_axis, const SourceLocation& where) {
  return record(std::make_shared<FlattenOp>(first_axis), {src}, where);
}

}  // namespace keel
