#include <fmt/format.h>

#include <algorithm>

#include "keel/graph/tape.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/indexing.hpp"
#include "keel/ops/require_index.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// The rule of torch.gather and torch.scatter_add.
void require_lines(const Shape& whole, const ValueType& indices, std::size_t axis) {
  require_dtype(indices, DType::s32, "indices");
  require_rank(indices, whole.rank(), "indices");
  for (std::size_t i = 0; i < whole.rank(); ++i) {
    if (i == axis || indices.shape[i] <= whole[i]) continue;
    throw ShapeError{fmt::format("indices {} are longer along axis {} than {}", to_string(indices.shape), i,
                                 to_string(whole))};
  }
}

// Calls `body(i, k)` for each index i, k being the element of an array of shape `whole` that it names.
template <class Body>
void for_each_named(const std::int32_t* indices, const Shape& shape, const Shape& whole, std::size_t axis,
                    const Body& body) {
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    require_index(indices[i], i, shape, whole[axis]);
    std::int64_t k = 0;
    std::int64_t stride = 1;
    auto rest = i;
    for (std::size_t a = shape.rank(); a-- > 0; rest /= shape[a]) {
      k += (a == axis ? std::int64_t{indices[i]} : rest % shape[a]) * stride;
      stride *= whole[a];
    }
    body(i, k);
  }
}

template <class T>
Kernel gather_loop(const Binding& binding, std::size_t axis) {
  return {[src = binding.input<const T>(0), indices = binding.input<const std::int32_t>(1),
           dst = binding.output<T>(0), whole = binding.input_type(0).shape,
           shape = binding.output_type(0).shape, axis] {
            for_each_named(indices.get(), shape, whole, axis,
                           [&](std::int64_t i, std::int64_t k) { dst.get()[i] = src.get()[k]; });
          },
          "loop"};
}

template <class T>
Kernel scatter_loop(const Binding& binding, std::size_t axis) {
  const auto& whole = binding.output_type(0).shape;
  const auto bytes = static_cast<std::size_t>(whole.elements()) * sizeof(double);
  return {[src = binding.input<const T>(0), indices = binding.input<const std::int32_t>(1),
           dst = binding.output<T>(0), sums = SlotView<double>{*binding.scratch(bytes)}, whole,
           shape = binding.input_type(1).shape, axis] {
            std::fill_n(sums.get(), whole.elements(), 0.0);
            for_each_named(indices.get(), shape, whole, axis,
                           [&](std::int64_t i, std::int64_t k) { sums.get()[k] += src.get()[i]; });
            std::transform(sums.get(), sums.get() + whole.elements(), dst.get(),
                           [](double sum) { return static_cast<T>(sum); });
          },
          "loop"};
}

// Zeros of shape `dst` with src added where indices say: the gradient of a `gather`. Inputs: src, indices.
class ScatterOp final : public Operator {
 public:
  ScatterOp(const Shape& dst, std::int64_t axis) : dst_(dst), axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "scatter_add"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"axis", axis_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs.first(1));
    require_lines(dst_, inputs[1], axis_of(axis_, dst_));
    require_shape(inputs[1], inputs[0].shape, "indices");
    return {{dst_, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto axis = axis_of(axis_, dst_);
    return binding.output_type(0).dtype == DType::f64 ? scatter_loop<double>(binding, axis)
                                                      : scatter_loop<float>(binding, axis);
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return {gather(context.output_grads[0], context.inputs[1], axis_, context.where), Var{}};
  }

 private:
  Shape dst_;
  std::int64_t axis_;
};

// The operator behind `gather`. Inputs: src, indices.
class GatherOp final : public Operator {
 public:
  explicit GatherOp(std::int64_t axis) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "gather"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"axis", axis_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs.first(1));
    require_lines(inputs[0].shape, inputs[1], axis_of(axis_, inputs[0].shape));
    return {{inputs[1].shape, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto axis = axis_of(axis_, binding.input_type(0).shape);
    return binding.output_type(0).dtype == DType::f64 ? gather_loop<double>(binding, axis)
                                                      : gather_loop<float>(binding, axis);
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto op = std::make_shared<ScatterOp>(context.inputs[0].shape(), axis_);
    return {record(op, {context.output_grads[0], context.inputs[1]}, context.where), Var{}};
  }

 private:
  std::int64_t axis_;
};

}  // namespace

Var gather(const Var& src, const Var& indices, std::int64_t axis, const SourceLocation& where) {
  return record(std::make_shared<GatherOp>(axis), {src, indices}, where);
}

Var scatter_add(const Var& dst, const Var& indices, const Var& src, std::int64_t axis,
                const SourceLocation& where) {
  const auto op = std::make_shared<ScatterOp>(dst.shape(), axis);
  return add(dst, record(op, {src, indices}, where), where);
}

}  // namespace keel
