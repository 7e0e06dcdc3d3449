#include "keel/ops/pooling.hpp"

#include <fmt/format.h>

#include "keel/graph/tape.hpp"
#include "keel/ops/pooling_kernels.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/window.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

constexpr auto channels_last = MemoryFormat::channels_last;

Window window_of(const Pool2dOptions& options) {
  return {options.kernel, options.stride, options.padding};
}

// The type of dst; checks src and the options.
ValueType pooled(const ValueType& src, const Pool2dOptions& options) {
  require_same_float(std::span{&src, 1});
  require_rank(src, 4, "src");
  const auto size = windows_in(image_size(src.shape), window_of(options));
  const auto [kernel, padding] = std::pair{options.kernel, options.padding};
  if (2 * padding.height > kernel.height || 2 * padding.width > kernel.width) {
    throw ShapeError{
        fmt::format("padding {} must be at most half the kernel {}", to_string(padding), to_string(kernel))};
  }
  return {{src.shape[0], src.shape[1], size.height, size.width}, src.dtype};
}

// The type of grad_src; checks grad_dst.
ValueType unpooled(const ValueType& grad_dst, const Pool2dOptions& options, const Size2d& image) {
  require_rank(grad_dst, 4, "grad_dst");
  const ValueType src{{grad_dst.shape[0], grad_dst.shape[1], image.height, image.width}, grad_dst.dtype};
  require_shape(grad_dst, pooled(src, options).shape, "grad_dst");
  return src;
}

onednn::Pooling pooling(const ValueType& src, const ValueType& dst, const Pool2dOptions& options) {
  return {.src = src.shape, .dst = dst.shape, .window = window_of(options)};
}

}  // namespace

std::vector<ValueType> MaxPool2dOp::infer(std::span<const ValueType> inputs) const {
  const auto dst = pooled(inputs[0], options_);
  return {dst, {dst.shape, DType::s32}};
}

Kernel MaxPool2dOp::bind(const Binding& binding) const {
  const auto of = pooling(binding.input_type(0), binding.output_type(0), options_);
  return binding.output_type(0).dtype == DType::f64 ? reference_max(of, binding) : max_by_loops(of, binding);
}

// dst is one element of its window, whichever it is: only that one gets the gradient.
std::vector<Var> MaxPool2dOp::vjp(const VjpContext& context) const {
  const auto op = std::make_shared<MaxPool2dBackwardOp>(options_, image_size(context.inputs[0].shape()));
  return {record(op, {context.output_grads[0], context.outputs[1]}, context.where)};
}

// The places lie as the images do.
Formats MaxPool2dOp::formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                             std::span<const ValueType>) const {
  return {{channels_last}, {channels_last, channels_last}};
}

std::vector<ValueType> MaxPool2dBackwardOp::infer(std::span<const ValueType> inputs) const {
  const auto src = unpooled(inputs[0], options_, image_);
  const auto expected = MaxPool2dOp{options_}.infer(std::span{&src, 1})[1];
  require_dtype(inputs[1], expected.dtype, "places");
  require_shape(inputs[1], expected.shape, "places");
  return {src};
}

Kernel MaxPool2dBackwardOp::bind(const Binding& binding) const {
  const auto of = pooling(binding.output_type(0), binding.input_type(0), options_);
  return binding.output_type(0).dtype == DType::f64 ? reference_max_backward(of, binding)
                                                    : max_backward_by_loops(of, binding);
}

Formats MaxPool2dBackwardOp::formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                     std::span<const ValueType>) const {
  return {{channels_last, channels_last}, {channels_last}};
}

std::vector<ValueType> AveragePool2dOp::infer(std::span<const ValueType> inputs) const {
  return {pooled(inputs[0], options_)};
}

Kernel AveragePool2dOp::bind(const Binding& binding) const {
  const auto of = pooling(binding.input_type(0), binding.output_type(0), options_);
  return binding.output_type(0).dtype == DType::f64 ? reference_average(of, binding) : average(of, binding);
}

// Each pixel goes into each of its windows with one over the kernel's area, padding or not.
std::vector<Var> AveragePool2dOp::vjp(const VjpContext& context) const {
  const auto op = std::make_shared<AveragePool2dBackwardOp>(options_, image_size(context.inputs[0].shape()));
  return {record(op, {context.output_grads[0]}, context.where)};
}

Formats AveragePool2dOp::formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                 std::span<const ValueType>) const {
  return {{channels_last}, {channels_last}};
}

std::vector<ValueType> AveragePool2dBackwardOp::infer(std::span<const ValueType> inputs) const {
  return {unpooled(inputs[0], options_, image_)};
}

Kernel AveragePool2dBackwardOp::bind(const Binding& binding) const {
  const auto of = pooling(binding.output_type(0), binding.input_type(0), options_);
  return binding.output_type(0).dtype == DType::f64 ? reference_average_backward(of, binding)
                                                    : average_backward(of, binding);
}

Formats AveragePool2dBackwardOp::formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                         std::span<const ValueType>) const {
  return {{channels_last}, {channels_last}};
}

Var max_pool2d(const Var& src, const Pool2dOptions& options, const SourceLocation& where) {
  return src.tape().record(std::make_shared<MaxPool2dOp>(options), std::span{&src, 1}, where)[0];
}

Var average_pool2d(const Var& src, const Pool2dOptions& options, const SourceLocation& where) {
  return record(std::make_shared<AveragePool2dOp>(options), {src}, where);
}

}  // namespace keel
