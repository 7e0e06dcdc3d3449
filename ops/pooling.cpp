#include "keel/ops/pooling.hpp"

#include <fmt/format.h>

#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/pooling_kernels.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/window.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

constexpr auto channels_last = MemoryFormat::channels_last;

Window window_of(const Pool2dOptions& options) {
  return {options.kernel, options.stride, options.padding, options.dilation};
}

// A window that begins in the padding may step over an image of few pixels.
bool covers_pixels(std::int64_t pixels, std::int64_t windows, std::int64_t kernel, std::int64_t stride,
                   std::int64_t padding, std::int64_t dilation) {
  for (std::int64_t window = 0; window < windows; ++window) {
    const auto begin = window * stride - padding;
    const auto skipped = begin < 0 ? (dilation - 1 - begin) / dilation : 0;  // places before the image
    if (skipped >= kernel || begin + skipped * dilation >= pixels) return false;
  }
  return true;
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
  const auto [stride, dilation] = std::pair{options.stride, options.dilation};
  if (!covers_pixels(src.shape[2], size.height, kernel.height, stride.height, padding.height,
                     dilation.height) ||
      !covers_pixels(src.shape[3], size.width, kernel.width, stride.width, padding.width, dilation.width)) {
    throw ShapeError{fmt::format(
        "a window of kernel {}, dilation {} and padding {} has no pixel of the image {}", to_string(kernel),
        to_string(dilation), to_string(padding), to_string(image_size(src.shape)))};
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

enum class Kind : std::uint8_t { max, average };

// The gradient of src, images of size `image`. Inputs: grad_dst and, of max, the places of the maxima.
class Pool2dBackwardOp final : public Operator {
 public:
  Pool2dBackwardOp(Kind kind, const Pool2dOptions& options, Size2d image)
      : kind_(kind), options_(options), image_(image) {}
  [[nodiscard]] std::string_view name() const override {
    return kind_ == Kind::max ? "max_pool2d_backward" : "average_pool2d_backward";
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    const auto src = unpooled(inputs[0], options_, image_);
    if (kind_ == Kind::max) {
      require_dtype(inputs[1], DType::s32, "places");
      require_shape(inputs[1], inputs[0].shape, "places");
    }
    return {src};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto of = pooling(binding.output_type(0), binding.input_type(0), options_);
    const bool wide = binding.output_type(0).dtype == DType::f64;
    if (kind_ == Kind::max)
      return wide ? reference_max_backward(of, binding) : max_backward_by_loops(of, binding);
    return wide ? reference_average_backward(of, binding) : average_backward(of, binding);
  }

  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat>,
                                std::span<const ValueType>) const override {
    return {std::vector(inputs.size(), channels_last), {channels_last}};
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;

 private:
  Kind kind_;
  Pool2dOptions options_;
  Size2d image_;
};

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
    const auto op = std::make_shared<Pool2dBackwardOp>(Kind::max, options_, image);
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

// Of max, it puts each element of grad_dst in a place of grad_src, from where its gradient is taken; of average,
// it is the transpose of the mean over windows.
std::vector<Var> Pool2dBackwardOp::vjp(const VjpContext& context) const {
  const auto& grad = context.output_grads[0];
  if (kind_ == Kind::average) return {average_pool2d(grad, options_, context.where)};
  const auto op = std::make_shared<TakePlacesOp>(options_);
  return {record(op, {grad, context.inputs[1]}, context.where), Var{}};
}

// The operator behind both. Outputs: dst and, of max, the places of the maxima for the derivative: each one's
// pixel in its image, s32, which lie as dst does.
class Pool2dOp final : public Operator {
 public:
  Pool2dOp(Kind kind, const Pool2dOptions& options) : kind_(kind), options_(options) {}
  [[nodiscard]] std::string_view name() const override {
    return kind_ == Kind::max ? "max_pool2d" : "average_pool2d";
  }
  [[nodiscard]] std::vector<Attribute> attributes() const override {
    return {{"kernel", options_.kernel},
            {"stride", options_.stride},
            {"padding", options_.padding},
            {"dilation", options_.dilation}};
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    if (kind_ == Kind::average && options_.dilation != Size2d{1})
      throw ShapeError{
          fmt::format("windows of means have no dilation, but {}", to_string(options_.dilation))};
    std::vector outputs{pooled(inputs[0], options_)};
    if (kind_ == Kind::max) outputs.push_back({outputs[0].shape, DType::s32});
    return outputs;
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto of = pooling(binding.input_type(0), binding.output_type(0), options_);
    const bool wide = binding.output_type(0).dtype == DType::f64;
    if (kind_ == Kind::max && wide) return reference_max(of, binding);
    if (options_.dilation != Size2d{1}) return dilated_max_by_loops(of, binding);
    if (kind_ == Kind::max) return max_by_loops(of, binding);
    return wide ? reference_average(of, binding) : average(of, binding);
  }

  // A maximum is one element of its window, whichever it is: only that one gets the gradient. Into an average
  // each pixel goes with one over the kernel's area, padding or not.
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto op =
        std::make_shared<Pool2dBackwardOp>(kind_, options_, image_size(context.inputs[0].shape()));
    const auto& grad = context.output_grads[0];
    return {kind_ == Kind::max ? record(op, {grad, context.outputs[1]}, context.where)
                               : record(op, {grad}, context.where)};
  }

  [[nodiscard]] Formats formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                std::span<const ValueType> outputs) const override {
    return {{channels_last}, std::vector(outputs.size(), channels_last)};
  }

 private:
  Kind kind_;
  Pool2dOptions options_;
};

}  // namespace

Var max_pool2d(const Var& src, const Pool2dOptions& options, const SourceLocation& where) {
  return src.tape().record(std::make_shared<Pool2dOp>(Kind::max, options), std::span{&src, 1}, where)[0];
}

Var average_pool2d(const Var& src, const Pool2dOptions& options, const SourceLocation& where) {
  return record(std::make_shared<Pool2dOp>(Kind::average, options), {src}, where);
}

}  // namespace keel
