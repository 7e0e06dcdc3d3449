// Those operators that only move elements and that the keel program does without.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "keel/graph/tape.hpp"
#include "keel/ops/composed.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// A slice with a step: element i along the axis is element begin + i * step of src.
struct Steps {
  std::size_t axis;
  std::int64_t begin;
  std::int64_t step;
  std::int64_t count;
};

std::string to_string(const SliceRange& range) {
  const auto bound = [](const std::optional<std::int64_t>& b) { return b ? fmt::format("{}", *b) : ""; };
  return fmt::format("{}:{}:{}", bound(range.begin), bound(range.end), range.step);
}

Steps steps_of(const Shape& src, std::int64_t named_axis, const SliceRange& range) {
  const auto axis = axis_of(named_axis, src);
  const auto extent = src[axis];
  const bool forward = range.step > 0;
  const auto fails = [&](std::string_view what) {
    return ShapeError{
        fmt::format("{} along axis {} of {} {}", to_string(range), axis, keel::to_string(src), what)};
  };
  if (range.step == 0) throw fails("has a step of 0");
  const auto from_front = [&](const std::optional<std::int64_t>& bound, std::int64_t otherwise) {
    return !bound ? otherwise : *bound < 0 ? *bound + extent : *bound;
  };
  const auto begin = from_front(range.begin, forward ? 0 : extent - 1);
  const auto end = from_front(range.end, forward ? extent : -1);
  const auto [low, high] = forward ? std::pair{begin, end} : std::pair{end + 1, begin + 1};
  if (low > high) throw fails("goes the other way");
  if (low < 0 || high > extent) throw fails("reaches outside");
  const auto step = std::clamp(range.step, -extent - 1, extent + 1);  // longer ones skip as much
  const auto stride = std::abs(step);
  return {axis, begin, step, (high - low + stride - 1) / stride};
}

Shape shape_of(const Shape& src, const Steps& steps) {
  std::vector<std::int64_t> extents{src.extents().begin(), src.extents().end()};
  extents[steps.axis] = steps.count;
  return Shape{extents};
}

// Calls `move(i, k)` for element i of the slice and the element k of src that it is, `inner` behind each other.
template <class Move>
void for_each_part(const Shape& src, const Steps& steps, std::int64_t inner, const Move& move) {
  const auto outer = elements_between(src, 0, steps.axis);
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < steps.count; ++i)
      move((o * steps.count + i) * inner, (o * src[steps.axis] + steps.begin + i * steps.step) * inner);
  }
}

// T stands for all element types of its size.
template <class T>
Kernel steps_loop(const Binding& binding, const Shape& src, const Steps& steps, bool backward) {
  const auto inner = elements_between(src, steps.axis + 1, src.rank());
  return {[&from = binding.input_slot(0), &to = binding.output_slot(0), src, steps, inner, backward] {
            const auto* read = static_cast<const T*>(from.data());
            auto* written = static_cast<T*>(to.data());
            if (backward) std::fill_n(written, src.elements(), T{0});
            for_each_part(src, steps, inner, [&](std::int64_t i, std::int64_t k) {
              std::copy_n(read + (backward ? i : k), inner, written + (backward ? k : i));
            });
          },
          "loop"};
}

// The operator behind `slice` with a range of `src`, and its derivative: zeros but for the slice.
class StepsOp final : public Operator {
 public:
  StepsOp(const Shape& src, const Steps& steps, bool backward)
      : src_(src), steps_(steps), backward_(backward) {}
  [[nodiscard]] std::string_view name() const override { return backward_ ? "slice_backward" : "slice"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return {{"axis", static_cast<double>(steps_.axis)},
            {"begin", steps_.begin},
            {"end", steps_.begin + steps_.count * steps_.step},
            {"step", steps_.step}};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    const Shape dst = shape_of(src_, steps_);
    require_shape(inputs[0], backward_ ? dst : src_, backward_ ? "grad_dst" : "src");
    return {{backward_ ? src_ : dst, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    switch (size_of(binding.output_type(0).dtype)) {
      case 8:
        return steps_loop<std::uint64_t>(binding, src_, steps_, backward_);
      case 4:
        return steps_loop<std::uint32_t>(binding, src_, steps_, backward_);
      default:
        return steps_loop<std::uint8_t>(binding, src_, steps_, backward_);
    }
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto op = std::make_shared<StepsOp>(src_, steps_, !backward_);
    return {record(op, {context.output_grads[0]}, context.where)};
  }

 private:
  Shape src_;
  Steps steps_;
  bool backward_;
};

// An axis copied: stretched beside itself, of one array more.
struct Copies {
  Shape single;
  Shape stretched;
  Shape dst;
};

// Of each element along `axis` beside it, or of the whole axis one behind the other. Throws ShapeError for a count
// below 0 and for more elements than a shape may have.
Copies copies_of(const Shape& shape, std::size_t axis, std::int64_t count, bool of_each) {
  if (count < 0) throw ShapeError{fmt::format("a count is {}, but must be at least 0", count)};
  const auto all = shape.extents();
  const auto length = shape[axis];
  const auto before = Shape{all.first(axis)}.elements();
  const auto behind = Shape{all.subspan(axis + 1)}.elements();
  std::vector<std::int64_t> dst{all.begin(), all.end()};
  dst[axis] = Shape{count, length}.elements();
  return of_each ? Copies{{before, length, 1, behind}, {before, length, count, behind}, Shape{dst}}
                 : Copies{{before, 1, length, behind}, {before, count, length, behind}, Shape{dst}};
}

Var copied(const Var& src, const Copies& copies, const SourceLocation& where) {
  const Var stretched = broadcast_to(reshape_to(src, copies.single, where), copies.stretched, where);
  return reshape_to(stretched, copies.dst, where);
}

}  // namespace

Var slice(const Var& src, std::int64_t axis, const SliceRange& range, const SourceLocation& where) {
  const Shape shape = src.shape();
  Steps steps{};
  check_call("slice", {&src, 1}, where, [&] { steps = steps_of(shape, axis, range); });
  if (range.step == 1) return slice(src, axis, steps.begin, steps.begin + steps.count, where);
  return record(std::make_shared<StepsOp>(shape, steps, false), {src}, where);
}

Var flip(const Var& src, const Axes& axes, const SourceLocation& where) {
  const Shape shape = src.shape();
  Shape flipped;  // has an extent of 1 where
  check_call("flip", {&src, 1}, where, [&] { flipped = with_ones(shape, axes); });
  Var result = src;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (flipped[axis] == 1 && shape[axis] != 1)
      result = slice(result, static_cast<std::int64_t>(axis), {.step = -1}, where);
  }
  return result;
}

std::vector<Var> split(const Var& src, const std::vector<std::int64_t>& lengths, std::int64_t axis,
                       const SourceLocation& where) {
  check_call("split", {&src, 1}, where, [&] {
    const auto extent = src.shape()[axis_of(axis, src.shape())];
    auto left = extent;
    for (const auto length : lengths) left = length < 0 || length > left ? -1 : left - length;
    if (left == 0) return;
    throw ShapeError{fmt::format("pieces of {} do not make up axis {} of {}", fmt::join(lengths, ", "),
                                 axis_of(axis, src.shape()), keel::to_string(src.shape()))};
  });
  std::vector<Var> pieces;
  std::int64_t begin = 0;
  for (const auto length : lengths) {
    pieces.push_back(slice(src, axis, begin, begin + length, where));
    begin += length;
  }
  return pieces;
}

std::vector<Var> split(const Var& src, std::int64_t length, std::int64_t axis, const SourceLocation& where) {
  std::vector<std::int64_t> lengths;
  check_call("split", {&src, 1}, where, [&] {
    if (length < 1) throw ShapeError{fmt::format("pieces can't be {} long", length)};
    for (auto left = src.shape()[axis_of(axis, src.shape())]; left > 0; left -= length)
      lengths.push_back(std::min(left, length));
  });
  return split(src, lengths, axis, where);
}

Var squeeze(const Var& src, const Axes& axes, const SourceLocation& where) {
  const Shape shape = src.shape();
  Shape squeezed;
  check_call("squeeze", {&src, 1}, where, [&] {
    const Shape ones = with_ones(shape, axes);
    std::vector<std::int64_t> extents;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (ones[axis] == 1 && shape[axis] != 1 && !axes.empty())
        throw ShapeError{fmt::format("axis {} of {} is not 1", axis, keel::to_string(shape))};
      const bool is_named = axes.empty() || std::ranges::any_of(axes, [&](auto named) {
                              return axis_of(named, shape) == axis;
                            });
      if (!is_named || shape[axis] != 1) extents.push_back(shape[axis]);
    }
    squeezed = Shape{extents};
  });
  return reshape_to(src, squeezed, where);
}

Var expand_dims(const Var& src, std::int64_t axis, const SourceLocation& where) {
  const Shape shape = src.shape();
  Shape expanded;
  check_call("expand_dims", {&src, 1}, where, [&] {
    std::vector<std::int64_t> extents(shape.rank() + 1, 1);
    const auto place = static_cast<std::ptrdiff_t>(axis_of(axis, Shape{extents}));
    extents.assign(shape.extents().begin(), shape.extents().end());
    extents.insert(extents.begin() + place, 1);
    expanded = Shape{extents};
  });
  return reshape_to(src, expanded, where);
}

Var stack(std::span<const Var> srcs, std::int64_t axis, const SourceLocation& where) {
  std::vector<Var> expanded;
  check_call("stack", srcs, where, [&] {
    for (const auto& src : srcs) require_shape(src.type(), srcs[0].shape(), "each array");
  });
  for (const auto& src : srcs) expanded.push_back(expand_dims(src, axis, where));
  return concatenate(expanded, axis, where);
}

Var stack(std::initializer_list<Var> srcs, std::int64_t axis, const SourceLocation& where) {
  return stack(std::span{srcs.begin(), srcs.size()}, axis, where);
}

Var tile(const Var& src, const std::vector<std::int64_t>& counts, const SourceLocation& where) {
  Var result = src;
  while (result.shape().rank() < counts.size()) result = expand_dims(result, 0, where);
  std::vector<Copies> steps;
  check_call("tile", {&src, 1}, where, [&] {
    Shape shape = result.shape();
    for (std::size_t back = 1; back <= counts.size(); ++back) {
      steps.push_back(copies_of(shape, shape.rank() - back, counts[counts.size() - back], false));
      shape = steps.back().dst;
    }
  });
  for (const auto& step : steps)
    if (step.dst != result.shape()) result = copied(result, step, where);
  return result;
}

Var repeat(const Var& src, std::int64_t count, std::int64_t axis, const SourceLocation& where) {
  Copies copies;
  check_call("repeat", {&src, 1}, where,
             [&] { copies = copies_of(src.shape(), axis_of(axis, src.shape()), count, true); });
  return copied(src, copies, where);
}

}  // namespace keel
