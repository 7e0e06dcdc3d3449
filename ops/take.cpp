#include "keel/ops/indexing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/require_index.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

void require_index(std::int32_t index, std::int64_t place, const Shape& indices, std::int64_t extent) {
  if (index >= 0 && index < extent) return;
  std::vector<std::int64_t> position(indices.rank());
  for (std::size_t axis = indices.rank(); axis-- > 0; place /= indices[axis])
    position[axis] = place % indices[axis];
  const auto at = indices.rank() == 0 ? "" : fmt::format(" at {}", to_string(Shape{position}));
  throw Error{extent == 0 ? fmt::format("index {}{}: there is nothing to choose from", index, at)
                          : fmt::format("index {}{} is not one of 0 to {}", index, at, extent - 1)};
}

namespace {

// An array (outer, extent, inner), of which the middle axis is chosen from.
struct Lines {
  std::int64_t outer;
  std::int64_t extent;
  std::int64_t inner;
};

Lines lines_of(const Shape& shape, std::size_t axis) {
  return {elements_between(shape, 0, axis), shape[axis], elements_between(shape, axis + 1, shape.rank())};
}

Shape taken_shape(const Shape& src, const Shape& indices, std::size_t axis) {
  std::vector<std::int64_t> extents{src.extents().begin(), src.extents().end()};
  const auto at = extents.erase(extents.begin() + static_cast<std::ptrdiff_t>(axis));
  extents.insert(at, indices.extents().begin(), indices.extents().end());
  if (extents.size() > Shape::max_rank) {
    throw ShapeError{fmt::format("{} with {} in the place of axis {} would have {} axes, more than {}",
                                 to_string(src), to_string(indices), axis, extents.size(), Shape::max_rank)};
  }
  return Shape{extents};
}

Kernel take_loop(const Binding& binding, std::size_t axis) {
  const auto& [shape, dtype] = binding.input_type(0);
  const auto& indices = binding.input_type(1).shape;
  return {[&src = binding.input_slot(0), places = binding.input<const std::int32_t>(1),
           &dst = binding.output_slot(0), lines = lines_of(shape, axis), size = size_of(dtype), indices] {
            const auto bytes = static_cast<std::size_t>(lines.inner) * size;
            const auto* from = static_cast<const std::byte*>(src.data());
            auto* to = static_cast<std::byte*>(dst.data());
            for (std::int64_t o = 0; o < lines.outer; ++o) {
              for (std::int64_t i = 0; i < indices.elements(); ++i, to += bytes) {
                const auto place = places.get()[i];
                require_index(place, i, indices, lines.extent);
                std::memcpy(to, from + static_cast<std::size_t>(o * lines.extent + place) * bytes, bytes);
              }
            }
          },
          "loop"};
}

// By each number the places in `indices` where it stands: those of number n are order[first[n]] up to
// order[first[n + 1]], in their order.
struct Occurrences {
  SlotView<std::int32_t> first;
  SlotView<std::int32_t> order;

  void find(const std::int32_t* indices, const Shape& shape, std::int64_t extent) const {
    std::fill_n(first.get(), extent + 1, 0);
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
      require_index(indices[i], i, shape, extent);
      ++first.get()[indices[i]];
    }
    std::int32_t end = 0;
    for (std::int64_t n = 0; n <= extent; ++n) end = first.get()[n] += end;
    for (auto i = static_cast<std::int32_t>(shape.elements()); i-- > 0;)
      order.get()[--first.get()[indices[i]]] = i;
  }
};

// Each row of grad_src is the sum of the rows of grad_dst that were taken from it, 256 columns at a time.
template <class T>
void sum_rows(const T* grad_dst, T* grad_src, std::int64_t inner, const std::int32_t* begin,
              const std::int32_t* end) {
  constexpr std::int64_t most = 256;
  std::array<double, most> sums{};
  for (std::int64_t column = 0; column < inner; column += most) {
    const auto width = std::min(most, inner - column);
    std::fill_n(sums.begin(), width, 0.0);
    for (const auto* row = begin; row != end; ++row) {
      const T* terms = grad_dst + *row * inner + column;
      for (std::int64_t j = 0; j < width; ++j) sums[static_cast<std::size_t>(j)] += terms[j];
    }
    for (std::int64_t j = 0; j < width; ++j)
      grad_src[column + j] = static_cast<T>(sums[static_cast<std::size_t>(j)]);
  }
}

template <class T>
Kernel take_backward_loop(const Binding& binding, std::size_t axis) {
  const auto& indices = binding.input_type(1).shape;
  const auto lines = lines_of(binding.output_type(0).shape, axis);
  const auto words = [&](std::int64_t count) {
    return SlotView<std::int32_t>{*binding.scratch(static_cast<std::size_t>(count) * sizeof(std::int32_t))};
  };
  const Occurrences occurrences{words(lines.extent + 1),
                                words(std::max<std::int64_t>(1, indices.elements()))};
  return {[grad_dst = binding.input<const T>(0), places = binding.input<const std::int32_t>(1),
           grad_src = binding.output<T>(0), lines, indices, occurrences] {
            occurrences.find(places.get(), indices, lines.extent);
            const auto* first = occurrences.first.get();
            const auto* order = occurrences.order.get();
            for (std::int64_t o = 0; o < lines.outer; ++o) {
              for (std::int64_t n = 0; n < lines.extent; ++n) {
                sum_rows(grad_dst.get() + o * indices.elements() * lines.inner,
                         grad_src.get() + (o * lines.extent + n) * lines.inner, lines.inner, order + first[n],
                         order + first[n + 1]);
              }
            }
          },
          "loop"};
}

// The gradient of what `take` takes from: zeros of `src`'s shape with grad_dst added. Inputs: grad_dst, indices.
class TakeBackwardOp final : public Operator {
 public:
  TakeBackwardOp(const Shape& src, std::int64_t axis) : src_(src), axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "take_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs.first(1));
    require_dtype(inputs[1], DType::s32, "indices");
    require_shape(inputs[0], taken_shape(src_, inputs[1].shape, axis_of(axis_, src_)), "grad_dst");
    return {{src_, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto axis = axis_of(axis_, src_);
    return binding.output_type(0).dtype == DType::f64 ? take_backward_loop<double>(binding, axis)
                                                      : take_backward_loop<float>(binding, axis);
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return {take(context.output_grads[0], context.inputs[1], axis_, context.where), Var{}};
  }

 private:
  Shape src_;
  std::int64_t axis_;
};

// The operator behind `take`. Inputs: src, indices.
class TakeOp final : public Operator {
 public:
  explicit TakeOp(std::int64_t axis) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "take"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"axis", axis_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_dtype(inputs[1], DType::s32, "indices");
    const auto& [shape, dtype] = inputs[0];
    return {{taken_shape(shape, inputs[1].shape, axis_of(axis_, shape)), dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return take_loop(binding, axis_of(axis_, binding.input_type(0).shape));
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto op = std::make_shared<TakeBackwardOp>(context.inputs[0].shape(), axis_);
    return {record(op, {context.output_grads[0], context.inputs[1]}, context.where), Var{}};
  }

  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override {
    return Operator::cost(std::array{inputs[1], outputs[0]}, outputs);  // what it leaves out is not read
  }

 private:
  std::int64_t axis_;
};

template <class T>
Kernel one_hot_loop(const Binding& binding, std::int64_t classes) {
  return {[indices = binding.input<const std::int32_t>(0), dst = binding.output<T>(0),
           shape = binding.input_type(0).shape, classes] {
            std::fill_n(dst.get(), shape.elements() * classes, T{0});
            for (std::int64_t i = 0; i < shape.elements(); ++i) {
              require_index(indices.get()[i], i, shape, classes);
              dst.get()[i * classes + indices.get()[i]] = T{1};
            }
          },
          "loop"};
}

// The operator behind `one_hot`.
class OneHotOp final : public Operator {
 public:
  OneHotOp(std::int64_t classes, DType dtype) : classes_(classes), dtype_(dtype) {}
  [[nodiscard]] std::string_view name() const override { return "one_hot"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"classes", classes_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_dtype(inputs[0], DType::s32, "indices");
    const auto& indices = inputs[0].shape;
    if (classes_ < 1 || indices.rank() == Shape::max_rank) {
      throw ShapeError{fmt::format("there must be one class or more and fewer than {} axes, not {} and {}",
                                   Shape::max_rank, classes_, to_string(indices))};
    }
    if (dtype_ != DType::f32 && dtype_ != DType::f64)
      throw ShapeError{fmt::format("it gives f32 or f64, not {}", name_of(dtype_))};
    std::vector<std::int64_t> extents{indices.extents().begin(), indices.extents().end()};
    extents.push_back(classes_);
    return {{Shape{extents}, dtype_}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return dtype_ == DType::f64 ? one_hot_loop<double>(binding, classes_)
                                : one_hot_loop<float>(binding, classes_);
  }

 private:
  std::int64_t classes_;
  DType dtype_;
};

}  // namespace

Var take(const Var& src, const Var& indices, std::int64_t axis, const SourceLocation& where) {
  return record(std::make_shared<TakeOp>(axis), {src, indices}, where);
}

Var one_hot(const Var& indices, std::int64_t classes, DType dtype, const SourceLocation& where) {
  return record(std::make_shared<OneHotOp>(classes, dtype), {indices}, where);
}

}  // namespace keel
