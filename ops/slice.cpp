#include "keel/ops/slice.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// Where a slice lies along its axis, as a caller gives it.
struct Bounds {
  std::int64_t axis;
  std::int64_t begin;
  std::int64_t end;
};

// The range with its numbers counted from the front.
struct Part {
  std::size_t axis;
  std::int64_t begin;
  std::int64_t length;
};

Part part_of(const Shape& src, const Bounds& range) {
  const auto axis = axis_of(range.axis, src);
  const auto extent = src[axis];
  const auto from_front = [&](std::int64_t index) { return index < 0 ? index + extent : index; };
  const auto begin = from_front(range.begin);
  const auto end = from_front(range.end);
  if (begin < 0 || end > extent) {
    throw ShapeError{fmt::format("from {} up to {} reaches outside axis {} of {}", range.begin, range.end,
                                 axis, to_string(src))};
  }
  if (begin > end) {
    throw ShapeError{fmt::format("from {} up to {} goes backwards along axis {} of {}", range.begin,
                                 range.end, axis, to_string(src))};
  }
  return {axis, begin, end - begin};
}

Shape shape_of(const Shape& src, const Part& part) {
  std::vector<std::int64_t> extents{src.extents().begin(), src.extents().end()};
  extents[part.axis] = part.length;
  return Shape{extents};
}

// A slice takes from each of src's `count` rows the same bytes.
struct Rows {
  std::int64_t count;
  std::size_t bytes;
  std::size_t skipped;
  std::size_t taken;
};

Rows rows_of(const ValueType& src, const Part& part) {
  const auto rank = src.shape.rank();
  const auto inner =
      static_cast<std::size_t>(elements_between(src.shape, part.axis + 1, rank)) * size_of(src.dtype);
  return {.count = elements_between(src.shape, 0, part.axis),
          .bytes = static_cast<std::size_t>(src.shape[part.axis]) * inner,
          .skipped = static_cast<std::size_t>(part.begin) * inner,
          .taken = static_cast<std::size_t>(part.length) * inner};
}

Kernel slice_loop(const Binding& binding, const Rows& rows) {
  return {[&src_slot = binding.input_slot(0), &dst_slot = binding.output_slot(0), rows] {
            const auto* src = static_cast<const std::byte*>(src_slot.data()) + rows.skipped;
            auto* dst = static_cast<std::byte*>(dst_slot.data());
            for (std::int64_t i = 0; i < rows.count; ++i) {
              std::memcpy(dst, src, rows.taken);
              dst += rows.taken;
              src += rows.bytes;
            }
          },
          "loop"};
}

Kernel slice_backward_loop(const Binding& binding, const Rows& rows) {
  return {[&src_slot = binding.input_slot(0), &dst_slot = binding.output_slot(0), rows] {
            const auto* src = static_cast<const std::byte*>(src_slot.data());
            auto* dst = static_cast<std::byte*>(dst_slot.data());
            const auto end = rows.skipped + rows.taken;
            for (std::int64_t i = 0; i < rows.count; ++i) {
              std::memset(dst, 0, rows.skipped);
              std::memcpy(dst + rows.skipped, src, rows.taken);
              std::memset(dst + end, 0, rows.bytes - end);
              src += rows.taken;
              dst += rows.bytes;
            }
          },
          "loop"};
}

// An array of `src`'s shape that is zero but for the slice, which is the input: the gradient of a slice.
class SliceBackwardOp final : public Operator {
 public:
  SliceBackwardOp(const Shape& src, const Bounds& range) : src_(src), range_(range) {}
  [[nodiscard]] std::string_view name() const override { return "slice_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_shape(inputs[0], shape_of(src_, part_of(src_, range_)), "grad_dst");
    return {{src_, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return slice_backward_loop(binding, rows_of(binding.output_type(0), part_of(src_, range_)));
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return {slice(context.output_grads[0], range_.axis, range_.begin, range_.end, context.where)};
  }

 private:
  Shape src_;
  Bounds range_;
};

// The operator behind `slice`.
class SliceOp final : public Operator {
 public:
  explicit SliceOp(const Bounds& range) : range_(range) {}
  [[nodiscard]] std::string_view name() const override { return "slice"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return {{"axis", range_.axis}, {"begin", range_.begin}, {"end", range_.end}, {"step", 1.0}};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    const auto& src = inputs[0].shape;
    return {{shape_of(src, part_of(src, range_)), inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto& type = binding.input_type(0);
    const auto part = part_of(type.shape, range_);
    const auto rows = rows_of(type, part);
    if (type.dtype != DType::f32 || rows.count == 1) return slice_loop(binding, rows);
    const auto src = onednn::part_of(type.shape, binding.output_type(0).shape, part.axis, part.begin);
    const auto dst = onednn::dense(binding.output_type(0).shape);
    auto call = onednn::reorder(src, dst);
    call.argument(DNNL_ARG_FROM, src, binding.input_slot(0));
    call.argument(DNNL_ARG_TO, dst, binding.output_slot(0));
    return finish(std::move(call), binding);
  }

  [[nodiscard]] Cost cost(std::span<const ValueType>, std::span<const ValueType> outputs) const override {
    return Operator::cost(outputs, outputs);  // what it leaves out is not read
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto op = std::make_shared<SliceBackwardOp>(context.inputs[0].shape(), range_);
    return {record(op, {context.output_grads[0]}, context.where)};
  }

 private:
  Bounds range_;
};

}  // namespace

Var slice(const Var& src, std::int64_t axis, std::int64_t begin, std::int64_t end,
          const SourceLocation& where) {
  return record(std::make_shared<SliceOp>(Bounds{axis, begin, end}), {src}, where);
}

}  // namespace keel
