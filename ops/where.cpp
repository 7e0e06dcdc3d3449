#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "keel/graph/tape.hpp"
#include "keel/ops/broadcasting.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

// Element i of a run: from as many elements of each operand, or from one.
template <class C, class T>
void choose(const C* condition, const T* a, const T* b, std::array<std::int64_t, 3> steps, T* dst,
            std::int64_t count) {
  if (steps == std::array<std::int64_t, 3>{1, 1, 1}) {
    for (std::int64_t i = 0; i < count; ++i) dst[i] = condition[i] != C{0} ? a[i] : b[i];
    return;
  }
  for (std::int64_t i = 0; i < count; ++i)
    dst[i] = condition[i * steps[0]] != C{0} ? a[i * steps[1]] : b[i * steps[2]];
}

template <class C, class T>
Kernel where_loop(const Binding& binding) {
  const auto& whole = binding.output_type(0).shape;
  std::array<Shape, 3> parts;
  std::array<Runs, 3> runs{};
  for (std::size_t i = 0; i < 3; ++i) {
    parts[i] = padded(binding.input_type(i).shape, whole.rank());
    runs[i] = runs_of(whole, parts[i]);
  }
  const auto length = std::ranges::min(runs, {}, &Runs::length).length;
  const auto step = [&](std::size_t i) { return std::int64_t{runs[i].stretched ? 0 : 1}; };
  return {[whole, parts, length, steps = std::array{step(0), step(1), step(2)},
           condition = binding.input<const C>(0), a = binding.input<const T>(1),
           b = binding.input<const T>(2), dst = binding.output<T>(0)] {
            const auto grain = std::max<std::int64_t>(1, 16384 / length);
            parallel_for(whole.elements() / length, grain, [&](std::int64_t first, std::int64_t last) {
              for (auto i = first * length; i < last * length; i += length) {
                choose(condition.get() + broadcast_index(i, whole, parts[0]),
                       a.get() + broadcast_index(i, whole, parts[1]),
                       b.get() + broadcast_index(i, whole, parts[2]), steps, dst.get() + i, length);
              }
            });
          },
          "loop"};
}

// The operator behind `where`. Inputs: condition, a, b.
class WhereOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "where"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs.subspan(1));
    const auto dtype = inputs[1].dtype;
    if (inputs[0].dtype != dtype && inputs[0].dtype != DType::s32) {
      throw ShapeError{fmt::format("the condition must be {}, as what it chooses between, or s32, not {}",
                                   name_of(dtype), name_of(inputs[0].dtype))};
    }
    return {{broadcast(inputs[0].shape, broadcast(inputs[1].shape, inputs[2].shape)), dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const bool is_f64 = binding.output_type(0).dtype == DType::f64;
    if (binding.input_type(0).dtype == DType::s32)
      return is_f64 ? where_loop<std::int32_t, double>(binding) : where_loop<std::int32_t, float>(binding);
    return is_f64 ? where_loop<double, double>(binding) : where_loop<float, float>(binding);
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto& condition = context.inputs[0];
    const auto& grad = context.output_grads[0];
    std::vector<Var> grads(3);
    for (std::size_t i = 1; i < 3; ++i) {
      if (!context.needed[i]) continue;
      const Var chosen = i == 1 ? keel::where(condition, grad, 0.0, context.where)
                                : keel::where(condition, 0.0, grad, context.where);
      grads[i] = sum_to(chosen, context.inputs[i].shape(), context.where);
    }
    return grads;
  }
};

}  // namespace

// Of two numbers the type is the condition's, or f32.
Var where(const Var& condition, const Operand& a, const Operand& b, const SourceLocation& where) {
  Tape& tape = condition.tape();
  const auto dtype = !a.is_number()                    ? a.var().dtype()
                     : !b.is_number()                  ? b.var().dtype()
                     : condition.dtype() == DType::f64 ? DType::f64
                                                       : DType::f32;
  return record(std::make_shared<WhereOp>(), {condition, a.as(dtype, tape, where), b.as(dtype, tape, where)},
                where);
}

}  // namespace keel
