#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// How far the kernel moves from one output pixel to the next, and how many zeros lie around the image: one
/// number for both directions, or {height, width}.
struct Conv2dOptions {
  Size2d stride = 1;
  Size2d padding = 0;
};

/// Convolution of images, in the field's sense, which does not mirror the kernel:
///
///   dst(n, o, y, x) = bias(o) + sum over i, h, w of weights(o, i, h, w) src(n, i, y stride + h - padding,
///                                                                                 x stride + w - padding)
///
/// src (N, I, H, W), weights (O, I, KH, KW) as PyTorch stores them, bias (O) or undefined for none; dst
/// (N, O, OH, OW) with OH = floor((H + 2 padding - KH) / stride) + 1, OW alike. f32 and f64. Throws
/// ShapeError when the channels differ, the kernel is larger than the padded image, a stride is below 1 or a
/// padding negative.
Var conv2d(const Var& src, const Var& weights, const Var& bias = {}, Conv2dOptions options = {},
           const SourceLocation& where = SourceLocation::current());

/// The operator behind `conv2d`, with a ReLU behind it where a fusion rule puts one. Inputs: src, weights
/// and, if any, bias. In f32 images lie with their channels last, weights row-major: the kernel brings them
/// into oneDNN's own format on each run.
class Conv2dOp final : public Operator {
 public:
  explicit Conv2dOp(Conv2dOptions options) : options_(options) {}
  [[nodiscard]] std::string_view name() const override { return "conv2d"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;
  [[nodiscard]] const Conv2dOptions& options() const { return options_; }

 private:
  Conv2dOptions options_;
};

/// The gradient of src, images of size `image`. Inputs: grad_dst, weights.
class Conv2dBackwardDataOp final : public Operator {
 public:
  Conv2dBackwardDataOp(Conv2dOptions options, Size2d image) : options_(options), image_(image) {}
  [[nodiscard]] std::string_view name() const override { return "conv2d_backward_data"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;

 private:
  Conv2dOptions options_;
  Size2d image_;
};

/// The gradient of the weights, kernels of size `kernel`, and, where there is a bias, of the bias. Inputs:
/// src, grad_dst.
class Conv2dBackwardWeightsOp final : public Operator {
 public:
  Conv2dBackwardWeightsOp(Conv2dOptions options, Size2d kernel, bool bias)
      : options_(options), kernel_(kernel), bias_(bias) {}
  [[nodiscard]] std::string_view name() const override { return "conv2d_backward_weights"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Cost cost(std::span<const ValueType> inputs,
                          std::span<const ValueType> outputs) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;

 private:
  Conv2dOptions options_;
  Size2d kernel_;
  bool bias_;
};

}  // namespace keel
