#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// The size of the windows, how far it is from one to the next, and how much padding lies around the image:
/// one number for both directions, or {height, width}.
struct Pool2dOptions {
  Size2d kernel;
  Size2d stride = kernel;
  Size2d padding = 0;
};

/// The largest element of each window of each channel: src (N, C, H, W) to dst (N, C, OH, OW) with
/// OH = floor((H + 2 padding - kernel) / stride) + 1, OW alike. The gradient goes to the first largest
/// element, row by row. f32 and f64. NaN counts as the largest, as in PyTorch; the gradient then goes to the
/// last one. Throws ShapeError when the kernel is larger than the padded image, a stride is below 1, or a
/// padding negative or more than half the kernel, so that every window has an element.
Var max_pool2d(const Var& src, const Pool2dOptions& options,
               const SourceLocation& where = SourceLocation::current());

/// The mean of each window; padding counts as zeros, as in PyTorch. Shapes and errors as for `max_pool2d`.
Var average_pool2d(const Var& src, const Pool2dOptions& options,
                   const SourceLocation& where = SourceLocation::current());

/// The operator behind `max_pool2d`. Outputs: dst, and the places of the maxima for the derivative: each one's
/// pixel in its image, s32, which lie as dst does.
class MaxPool2dOp final : public Operator {
 public:
  explicit MaxPool2dOp(const Pool2dOptions& options) : options_(options) {}
  [[nodiscard]] std::string_view name() const override { return "max_pool2d"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;

 private:
  Pool2dOptions options_;
};

/// The gradient of src, images of size `image`. Inputs: grad_dst, the places of the maxima.
class MaxPool2dBackwardOp final : public Operator {
 public:
  MaxPool2dBackwardOp(const Pool2dOptions& options, Size2d image) : options_(options), image_(image) {}
  [[nodiscard]] std::string_view name() const override { return "max_pool2d_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;

 private:
  Pool2dOptions options_;
  Size2d image_;
};

/// The operator behind `average_pool2d`.
class AveragePool2dOp final : public Operator {
 public:
  explicit AveragePool2dOp(const Pool2dOptions& options) : options_(options) {}
  [[nodiscard]] std::string_view name() const override { return "average_pool2d"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;

 private:
  Pool2dOptions options_;
};

/// The gradient of src, images of size `image`. Input: grad_dst.
class AveragePool2dBackwardOp final : public Operator {
 public:
  AveragePool2dBackwardOp(const Pool2dOptions& options, Size2d image) : options_(options), image_(image) {}
  [[nodiscard]] std::string_view name() const override { return "average_pool2d_backward"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override;

 private:
  Pool2dOptions options_;
  Size2d image_;
};

}  // namespace keel
