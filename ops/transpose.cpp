#include "keel/ops/transpose.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// How far apart in src the neighbours along each axis of dst lie.
std::vector<std::int64_t> strides_in(const Shape& src, std::span<const std::size_t> permutation) {
  std::vector<std::int64_t> strides;
  for (const auto axis : permutation) strides.push_back(elements_between(src, axis + 1, src.rank()));
  return strides;
}

Kernel reorder(const Binding& binding, const std::vector<std::int64_t>& strides) {
  const auto& shape = binding.output_type(0).shape;
  const auto src = onednn::strided(shape, strides);
  const auto dst = onednn::dense(shape);
  auto call = onednn::reorder(src, dst);
  call.argument(DNNL_ARG_FROM, src, binding.input_slot(0));
  call.argument(DNNL_ARG_TO, dst, binding.output_slot(0));
  return finish(std::move(call), binding);
}

template <class T>
Kernel transpose_loop(const Binding& binding, const std::vector<std::int64_t>& strides) {
  return {[src = binding.input<const T>(0), dst = binding.output<T>(0), shape = binding.output_type(0).shape,
           strides] {
            const auto count = shape.elements();
            for (std::int64_t i = 0; i < count; ++i) {
              std::int64_t from = 0;
              std::int64_t rest = i;
              for (std::size_t axis = shape.rank(); axis-- > 0; rest /= shape[axis]) {
                from += rest % shape[axis] * strides[axis];
              }
              dst.get()[i] = src.get()[from];
            }
          },
          "loop"};
}

// The operator behind `transpose`.
class TransposeOp final : public Operator {
 public:
  explicit TransposeOp(Axes permutation) : permutation_(std::move(permutation)) {}
  [[nodiscard]] std::string_view name() const override { return "transpose"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &TransposeOp::permutation_);
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"permutation", permutation_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    std::vector<std::int64_t> extents;
    for (const auto axis : permutation_of(inputs[0].shape)) extents.push_back(inputs[0].shape[axis]);
    return {{Shape{extents}, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto& src = binding.input_type(0);
    const auto strides = strides_in(src.shape, permutation_of(src.shape));
    switch (src.dtype) {
      case DType::f64:
        return transpose_loop<double>(binding, strides);
      case DType::s32:
        return transpose_loop<std::int32_t>(binding, strides);
      case DType::u8:
        return transpose_loop<std::uint8_t>(binding, strides);
      case DType::f32:
        break;
    }
    return reorder(binding, strides);
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto permutation = permutation_of(context.inputs[0].shape());
    Axes inverse(permutation.size());
    for (std::size_t i = 0; i < permutation.size(); ++i) {
      inverse[permutation[i]] = static_cast<std::int64_t>(i);
    }
    return {transpose(context.output_grads[0], inverse, context.where)};
  }

 private:
  [[nodiscard]] std::vector<std::size_t> permutation_of(const Shape& src) const {
    std::vector<std::size_t> permutation;
    if (permutation_.empty()) {
      for (std::size_t axis = src.rank(); axis-- > 0;) permutation.push_back(axis);
      return permutation;
    }
    for (const auto axis : permutation_) permutation.push_back(axis_of(axis, src));
    for (std::size_t axis = 0; axis < src.rank(); ++axis) {
      if (std::ranges::count(permutation, axis) == 1 && permutation.size() == src.rank()) continue;
      throw ShapeError{fmt::format("({}) does not name every axis of {} once", fmt::join(permutation_, ", "),
                                   to_string(src))};
    }
    return permutation;
  }

  Axes permutation_;
};

}  // namespace

Var transpose(const Var& src, const Axes& permutation, const SourceLocation& where) {
  return record(std::make_shared<TransposeOp>(permutation), {src}, where);
}

}  // namespace keel
