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

// dst[window] = src[places[window]]: what max_pool2d takes of the images that it had its places from. Inputs:
// src, places.
class TakePlacesOp final : public Operator {
 public:
  explicit TakePlacesOp(const Pool2dOptions& options) : options_(options) {}
  [[nodiscard]] std::string_view name() const override { return "max_pool2d_take"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    const auto dst = pooled(inputs[0], options_);
    require_dtype(inputs[1], DType::s32, "places");
    require_shape(inputs[1], dst.shape, "places");
    return {dst};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.output_type(0).dtype == DType::f64 ? loop<double>(binding) : loop<float>(binding);
  }
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto image = image_size(context.inputs[0].shape());
    const auto op = std::make_shared<MaxPool2dBackwardOp>(options_, image);
    return {record(op, {context.output_grads[0], context.inputs[1]}, context.where), Var{}};
  }
  [[nodiscard]] Formats formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                std::span<const ValueType>) const override {
    return {{channels_last, channels_last}, {channels_last}};
  }

 private:
  template <class T>
  static Kernel loop(const Binding& binding) {
    const auto& src_shape = binding.input_type(0).shape;
    const auto& shape = binding.output_type(0).shape;
    const bool by_pixel = binding.output_format(0) == channels_last;
    return {[=, src = binding.input<const T>(0), places = binding.input<const std::int32_t>(1),
             dst = binding.output<T>(0), channels = shape[1], windows = shape[2] * shape[3],
             pixels = src_shape[2] * src_shape[3]] {
              for (std::int64_t i = 0; i < shape.elements(); ++i) {
                const std::int64_t place = places.get()[i];
                const auto from = by_pixel
                                      ? (i / (windows * channels) * pixels + place) * channels + i % channels
                                      : i / windows * pixels + place;
                dst.get()[i] = src.get()[from];
              }
            },
            "loop"};
  }

  Pool2dOptions options_;
};

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

// It puts each element of grad_dst in a place of grad_src, from where its gradient is taken.
std::vector<Var> MaxPool2dBackwardOp::vjp(const VjpContext& context) const {
  const auto op = std::make_shared<TakePlacesOp>(options_);
  return {record(op, {context.output_grads[0], context.inputs[1]}, context.where), Var{}};
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

// The transpose of the transpose.
std::vector<Var> AveragePool2dBackwardOp::vjp(const VjpContext& context) const {
  return {average_pool2d(context.output_grads[0], options_, context.where)};
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
