#include "keel/ops/concatenate.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/slice.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

Kernel onednn_concatenate(const Binding& binding, std::size_t axis) {
  const auto dst = onednn::dense(binding.output_type(0).shape);
  std::vector<onednn::Desc> srcs;
  for (std::size_t i = 0; i < binding.inputs(); ++i) {
    srcs.push_back(onednn::dense(binding.input_type(i).shape));
  }
  auto call = onednn::concatenate(dst, axis, srcs);
  for (std::size_t i = 0; i < srcs.size(); ++i) {
    call.argument(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), srcs[i], binding.input_slot(i));
  }
  call.argument(DNNL_ARG_DST, dst, binding.output_slot(0));
  return finish(std::move(call), binding);
}

Kernel concatenate_loop(const Binding& binding, std::size_t axis) {
  struct Source {
    const Slot* slot;
    std::size_t row_bytes;
  };
  std::vector<Source> sources;
  for (std::size_t i = 0; i < binding.inputs(); ++i) {
    const auto& [shape, dtype] = binding.input_type(i);
    const auto row = static_cast<std::size_t>(elements_between(shape, axis, shape.rank()));
    sources.push_back({&binding.input_slot(i), row * size_of(dtype)});
  }
  const auto rows = static_cast<std::size_t>(elements_between(binding.output_type(0).shape, 0, axis));
  return {[sources = std::move(sources), &dst_slot = binding.output_slot(0), rows] {
            auto* dst = static_cast<std::byte*>(dst_slot.data());
            for (std::size_t i = 0; i < rows; ++i) {
              for (const auto& source : sources) {
                const auto* src = static_cast<const std::byte*>(source.slot->data());
                std::memcpy(dst, src + i * source.row_bytes, source.row_bytes);
                dst += source.row_bytes;
              }
            }
          },
          "loop"};
}

// The operator behind `concatenate`.
class ConcatenateOp final : public Operator {
 public:
  explicit ConcatenateOp(std::int64_t axis) : axis_(axis) {}
  [[nodiscard]] std::string_view name() const override { return "concatenate"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"axis", axis_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    const auto& first = inputs[0].shape;
    const auto axis = axis_of(axis_, first);
    std::vector<std::int64_t> extents{first.extents().begin(), first.extents().end()};
    extents[axis] = 0;
    for (const auto& [shape, dtype] : inputs) {
      if (dtype != inputs[0].dtype) {
        throw ShapeError{fmt::format("its inputs must have one element type, not {} and {}",
                                     name_of(inputs[0].dtype), name_of(dtype))};
      }
      bool fits = shape.rank() == first.rank();
      for (std::size_t other = 0; fits && other < first.rank(); ++other) {
        fits = other == axis || shape[other] == first[other];
      }
      if (!fits) {
        throw ShapeError{fmt::format("{} and {} differ along other axes than {}", to_string(first),
                                     to_string(shape), axis)};
      }
      extents[axis] += shape[axis];
    }
    return {{Shape{extents}, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto& [shape, dtype] = binding.output_type(0);
    const auto axis = axis_of(axis_, shape);
    // Whole arrays behind one another: the loop is a copy each, oneDNN's primitive many times slower.
    const bool is_whole = elements_between(shape, 0, axis) == 1;
    bool has_empty = false;  // which oneDNN does not take
    for (std::size_t i = 0; i < binding.inputs(); ++i) {
      has_empty = has_empty || binding.input_type(i).shape.elements() == 0;
    }
    return dtype == DType::f32 && !is_whole && !has_empty ? onednn_concatenate(binding, axis)
                                                          : concatenate_loop(binding, axis);
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto axis = axis_of(axis_, context.outputs[0].shape());
    std::vector<Var> grads(context.inputs.size());
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < grads.size(); ++i) {
      const auto end = begin + context.inputs[i].shape()[axis];
      if (context.needed[i]) grads[i] = slice(context.output_grads[0], axis_, begin, end, context.where);
      begin = end;
    }
    return grads;
  }

 private:
  std::int64_t axis_;
};

}  // namespace

Var concatenate(std::span<const Var> srcs, std::int64_t axis, const SourceLocation& where) {
  if (srcs.empty()) {
    throw Error{fmt::format("concatenate at {}: there is nothing to concatenate", describe(where))};
  }
  return srcs[0].tape().record_one(std::make_shared<ConcatenateOp>(axis), srcs, where);
}

Var concatenate(std::initializer_list<Var> srcs, std::int64_t axis, const SourceLocation& where) {
  return concatenate(std::span{srcs.begin(), srcs.size()}, axis, where);
}

}  // namespace keel
