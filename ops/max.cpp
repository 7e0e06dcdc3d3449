#include "keel/ops/max.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/broadcasting.hpp"
#include "keel/ops/reduction_stages.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// Whether `value` takes the place of the largest one so far. NaN is larger than any number.
template <class T>
bool is_larger(T value, T largest) {
  return value > largest || (std::isnan(value) && !std::isnan(largest));
}

template <class T>
bool is_same(T a, T b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

Kernel reference_max(const Binding& binding, const Shape& kept) {
  return {[src = binding.input<const double>(0), dst = binding.output<double>(0),
           src_shape = binding.input_type(0).shape, kept] {
            std::fill_n(dst.get(), kept.elements(), -std::numeric_limits<double>::infinity());
            const auto count = src_shape.elements();
            for (std::int64_t i = 0; i < count; ++i) {
              auto& largest = dst.get()[broadcast_index(i, src_shape, kept)];
              if (is_larger(src.get()[i], largest)) largest = src.get()[i];
            }
          },
          "reference"};
}

// oneDNN's reduction passes a NaN on only where it comes last.
Kernel max_stage(const ReductionStage& stage, Slot& src, Slot& dst) {
  return {[stage, src = SlotView<const float>{src}, dst = SlotView<float>{dst}] {
            if (stage.inner == 1) {
              loops::max_columns(src.get(), dst.get(), stage.outer, stage.extent);
              return;
            }
            for_each_outer(stage, [&](std::int64_t o) {
              loops::max_rows(src.get() + o * stage.extent * stage.inner, dst.get() + o * stage.inner,
                              stage.extent, stage.inner);
            });
          },
          "loop"};
}

// Calls `body(i, k)` for each element i of an array of shape `whole`, k being the one of `part` that it
// belongs to.
template <class Body>
void for_each_pair(const Shape& whole, const Shape& part, const Runs& runs, const Body& body) {
  const auto count = whole.elements();
  const std::int64_t step = runs.stretched ? 0 : 1;
  for (std::int64_t begin = 0; begin < count; begin += runs.length) {
    const auto k = broadcast_index(begin, whole, part);
    for (std::int64_t i = 0; i < runs.length; ++i) body(begin + i, k + i * step);
  }
}

template <class T>
Kernel max_backward_loop(const Binding& binding, const Shape& kept) {
  const auto& shape = binding.output_type(0).shape;
  const auto ties = static_cast<std::size_t>(kept.elements()) * sizeof(T);
  return {[grad_dst = binding.input<const T>(0), src = binding.input<const T>(1),
           dst = binding.input<const T>(2), grad_src = binding.output<T>(0),
           shares = SlotView<T>{*binding.scratch(ties)}, shape, kept, runs = runs_of(shape, kept)] {
            // First how many elements are the largest, then what each of them gets.
            std::fill_n(shares.get(), kept.elements(), T{0});
            for_each_pair(shape, kept, runs, [&](std::int64_t i, std::int64_t k) {
              shares.get()[k] += is_same(src.get()[i], dst.get()[k]) ? T{1} : T{0};
            });
            for (std::int64_t k = 0; k < kept.elements(); ++k) {
              shares.get()[k] = grad_dst.get()[k] / shares.get()[k];
            }
            for_each_pair(shape, kept, runs, [&](std::int64_t i, std::int64_t k) {
              grad_src.get()[i] = is_same(src.get()[i], dst.get()[k]) ? shares.get()[k] : T{0};
            });
          },
          "loop"};
}

template <class T>
Kernel argmax_loop(const Binding& binding, std::size_t axis) {
  const auto& shape = binding.input_type(0).shape;
  return {
      [src = binding.input<const T>(0), dst = binding.output<std::int32_t>(0), extent = shape[axis],
       outer = elements_between(shape, 0, axis), inner = elements_between(shape, axis + 1, shape.rank())] {
        for (std::int64_t o = 0; o < outer; ++o) {
          for (std::int64_t j = 0; j < inner; ++j) {
            const T* values = src.get() + o * extent * inner + j;
            std::int64_t largest = 0;
            for (std::int64_t i = 1; i < extent; ++i) {
              if (is_larger(values[i * inner], values[largest * inner])) largest = i;
            }
            dst.get()[o * inner + j] = static_cast<std::int32_t>(largest);
          }
        }
      },
      "loop"};
}

// grad_src = grad_dst / (how many of the elements reduced to it are the largest) where src is the largest,
// else 0. Inputs: grad_dst, src, dst.
class MaxBackwardOp final : public Operator {
 public:
  explicit MaxBackwardOp(Axes axes) : axes_(std::move(axes)) {}
  [[nodiscard]] std::string_view name() const override { return "max_backward"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &MaxBackwardOp::axes_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    require_shape(inputs[2], inputs[0].shape, "dst");
    return {inputs[1]};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const Shape kept = with_ones(binding.input_type(1).shape, axes_);
    return binding.output_type(0).dtype == DType::f64 ? max_backward_loop<double>(binding, kept)
                                                      : max_backward_loop<float>(binding, kept);
  }

  // Linear in grad_dst, of which each element of src gets its share.
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const Var& grad_dst = context.inputs[0];
    const Term grad{context.output_grads[0], context.where};
    const Var ones = broadcast_to(grad.constant(1.0).var, grad_dst.shape(), context.where);
    const auto op = std::make_shared<MaxBackwardOp>(axes_);
    const Term shares{record(op, {ones, context.inputs[1], context.inputs[2]}, context.where), context.where};
    return {(grad * shares).sum(axes_).reshaped(grad_dst.shape()).var, Var{}, Var{}};
  }

 private:
  Axes axes_;
};

// The operator behind `max`.
class MaxOp final : public Operator {
 public:
  MaxOp(Axes axes, bool keep_axes) : axes_(std::move(axes)), keep_axes_(keep_axes) {}
  [[nodiscard]] std::string_view name() const override { return "max"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &MaxOp::axes_, &MaxOp::keep_axes_);
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return {{"axes", axes_}, {"keep_axes", keep_axes_ ? 1.0 : 0.0}};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    const auto& src = inputs[0].shape;
    const Shape dst = keep_axes_ ? with_ones(src, axes_) : without(src, axes_);
    require_elements(src, axes_, "largest");
    return {{dst, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto& src = binding.input_type(0);
    const Shape kept = with_ones(src.shape, axes_);
    if (src.dtype == DType::f64) return reference_max(binding, kept);
    return bind_stages(binding, reduction_stages(binding, kept), max_stage);
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return {record(std::make_shared<MaxBackwardOp>(axes_),
                   {context.output_grads[0], context.inputs[0], context.outputs[0]}, context.where)};
  }

  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType>) const override {
    return reduction_formats(present, with_ones(inputs[0].shape, axes_));
  }

 private:
  Axes axes_;
  bool keep_axes_;
};

// The operator behind `argmax`.
class ArgmaxOp final : public Operator {
 public:
  explicit ArgmaxOp(std::int64_t axis) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "argmax"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"axis", axis_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    const auto& src = inputs[0].shape;
    const auto axis = axis_of(axis_, src);
    if (src[axis] > std::numeric_limits<std::int32_t>::max()) {
      throw ShapeError{fmt::format("axis {} of {} is too long for indices of s32", axis, to_string(src))};
    }
    require_elements(src, {axis_}, "largest");
    return {{without(src, {axis_}), DType::s32}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto axis = axis_of(axis_, binding.input_type(0).shape);
    return binding.input_type(0).dtype == DType::f64 ? argmax_loop<double>(binding, axis)
                                                     : argmax_loop<float>(binding, axis);
  }

 private:
  std::int64_t axis_;
};

}  // namespace

Var max(const Var& src, const Axes& axes, bool keep_axes, const SourceLocation& where) {
  return record(std::make_shared<MaxOp>(axes, keep_axes), {src}, where);
}

Var argmax(const Var& src, std::int64_t axis, const SourceLocation& where) {
  return record(std::make_shared<ArgmaxOp>(axis), {src}, where);
}

}  // namespace keel
