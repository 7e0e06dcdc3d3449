#include "keel/ops/pooling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/graph/tape.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/window.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

using onednn::Pooling;

constexpr auto channels_last = MemoryFormat::channels_last;
constexpr auto row_major = MemoryFormat::row_major;

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

Pooling pooling(Pooling::Kind kind, const ValueType& src, const ValueType& dst,
                const Pool2dOptions& options) {
  return {.kind = kind, .src = src.shape, .dst = dst.shape, .window = window_of(options)};
}

// Calls `each` with a window's place in dst and a pixel's in src, for every pixel of every window, channel by
// channel.
template <class Each>
void for_each_pixel(const Pooling& of, const Each& each) {
  const auto src_size = image_size(of.src);
  const auto dst_size = image_size(of.dst);
  for (std::int64_t plane = 0; plane < of.src[0] * of.src[1]; ++plane) {
    const auto first_pixel = plane * src_size.height * src_size.width;
    const auto first_window = plane * dst_size.height * dst_size.width;
    for_each_tap(src_size, dst_size, of.window,
                 [&](const Tap& tap) { each(first_window + tap.window, first_pixel + tap.pixel); });
  }
}

Kernel reference_max(const Pooling& of, const Binding& binding) {
  return {[of, src = binding.input<const double>(0), dst = binding.output<double>(0),
           places = binding.output<std::int32_t>(1)] {
            constexpr std::int32_t none = -1;
            const auto pixels = of.src[2] * of.src[3];
            const auto* x = src.get();
            auto* y = dst.get();
            auto* place = places.get();
            std::fill_n(place, of.dst.elements(), none);
            for_each_pixel(of, [&](std::int64_t window, std::int64_t pixel) {
              if (place[window] != none && !(x[pixel] > y[window]) && !std::isnan(x[pixel])) return;
              y[window] = x[pixel];
              place[window] = static_cast<std::int32_t>(pixel % pixels);
            });
          },
          "reference"};
}

Kernel reference_max_backward(const Pooling& of, const Binding& binding) {
  return {[of, grad_dst = binding.input<const double>(0), places = binding.input<const std::int32_t>(1),
           grad_src = binding.output<double>(0)] {
            const auto pixels = of.src[2] * of.src[3];
            const auto windows = of.dst[2] * of.dst[3];
            std::fill_n(grad_src.get(), of.src.elements(), 0.0);
            for (std::int64_t k = 0; k < of.dst.elements(); ++k)
              grad_src.get()[k / windows * pixels + places.get()[k]] += grad_dst.get()[k];
          },
          "reference"};
}

double window_area(const Pooling& of) {
  return static_cast<double>(of.window.kernel.height * of.window.kernel.width);
}

Kernel reference_average(const Pooling& of, const Binding& binding) {
  return {[of, src = binding.input<const double>(0), dst = binding.output<double>(0)] {
            std::fill_n(dst.get(), of.dst.elements(), 0.0);
            for_each_pixel(
                of, [x = src.get(), y = dst.get()](auto window, auto pixel) { y[window] += x[pixel]; });
            for (std::int64_t k = 0; k < of.dst.elements(); ++k) dst.get()[k] /= window_area(of);
          },
          "reference"};
}

Kernel reference_average_backward(const Pooling& of, const Binding& binding) {
  return {[of, grad_dst = binding.input<const double>(0), grad_src = binding.output<double>(0)] {
            std::fill_n(grad_src.get(), of.src.elements(), 0.0);
            for_each_pixel(of, [dx = grad_src.get(), dy = grad_dst.get(), area = window_area(of)](
                                   auto window, auto pixel) { dx[pixel] += dy[window] / area; });
          },
          "reference"};
}

// `places` holds the workspace of max pooling, null for the average.
Kernel onednn_forward(const Pooling& of, Slot* places, const Binding& binding) {
  auto call = onednn::pooling_forward(of);
  call.argument(DNNL_ARG_SRC, onednn::image(of.src, channels_last), binding.input_slot(0));
  call.argument(DNNL_ARG_DST, onednn::image(of.dst, channels_last), binding.output_slot(0));
  if (places != nullptr) call.argument(DNNL_ARG_WORKSPACE, onednn::pooling_workspace(of), *places);
  return finish(std::move(call), binding);
}

Kernel onednn_backward(const Pooling& of, Slot* places, const Binding& binding) {
  auto call = onednn::pooling_backward(of);
  call.argument(DNNL_ARG_DIFF_DST, onednn::image(of.dst, channels_last), binding.input_slot(0));
  call.argument(DNNL_ARG_DIFF_SRC, onednn::image(of.src, channels_last), binding.output_slot(0));
  if (places != nullptr) call.argument(DNNL_ARG_WORKSPACE, onednn::pooling_workspace(of), *places);
  return finish(std::move(call), binding);
}

}  // namespace

std::vector<ValueType> MaxPool2dOp::infer(std::span<const ValueType> inputs) const {
  const auto dst = pooled(inputs[0], options_);
  if (dst.dtype == DType::f64) return {dst, {dst.shape, DType::s32}};
  const auto workspace = onednn::pooling_workspace(pooling(Pooling::Kind::max, inputs[0], dst, options_));
  return {dst, {Shape{static_cast<std::int64_t>(workspace.get_size())}, DType::u8}};
}

Kernel MaxPool2dOp::bind(const Binding& binding) const {
  const auto of = pooling(Pooling::Kind::max, binding.input_type(0), binding.output_type(0), options_);
  return binding.output_type(0).dtype == DType::f64 ? reference_max(of, binding)
                                                    : onednn_forward(of, &binding.output_slot(1), binding);
}

// dst is one element of its window, whichever it is: only that one gets the gradient.
std::vector<Var> MaxPool2dOp::vjp(const VjpContext& context) const {
  const auto op = std::make_shared<MaxPool2dBackwardOp>(options_, image_size(context.inputs[0].shape()));
  return {record(op, {context.output_grads[0], context.outputs[1]}, context.where)};
}

// Always alike, since the workspace is laid out as the images are.
Formats MaxPool2dOp::formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                             std::span<const ValueType>) const {
  return {{channels_last}, {channels_last, row_major}};
}

std::vector<ValueType> MaxPool2dBackwardOp::infer(std::span<const ValueType> inputs) const {
  const auto src = unpooled(inputs[0], options_, image_);
  const auto expected = MaxPool2dOp{options_}.infer(std::span{&src, 1})[1];
  require_dtype(inputs[1], expected.dtype, "places");
  require_shape(inputs[1], expected.shape, "places");
  return {src};
}

Kernel MaxPool2dBackwardOp::bind(const Binding& binding) const {
  const auto of = pooling(Pooling::Kind::max, binding.output_type(0), binding.input_type(0), options_);
  return binding.output_type(0).dtype == DType::f64 ? reference_max_backward(of, binding)
                                                    : onednn_backward(of, &binding.input_slot(1), binding);
}

Formats MaxPool2dBackwardOp::formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                     std::span<const ValueType>) const {
  return {{channels_last, row_major}, {channels_last}};
}

std::vector<ValueType> AveragePool2dOp::infer(std::span<const ValueType> inputs) const {
  return {pooled(inputs[0], options_)};
}

Kernel AveragePool2dOp::bind(const Binding& binding) const {
  const auto of = pooling(Pooling::Kind::average, binding.input_type(0), binding.output_type(0), options_);
  return binding.output_type(0).dtype == DType::f64 ? reference_average(of, binding)
                                                    : onednn_forward(of, nullptr, binding);
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
  const auto of = pooling(Pooling::Kind::average, binding.output_type(0), binding.input_type(0), options_);
  return binding.output_type(0).dtype == DType::f64 ? reference_average_backward(of, binding)
                                                    : onednn_backward(of, nullptr, binding);
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
