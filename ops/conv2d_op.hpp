#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/ops/conv2d.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

inline std::vector<Attribute> conv2d_attributes(const Conv2dOptions& options) {
  return {{"stride", options.stride},
          {"padding", options.padding},
          {"dilation", options.dilation},
          {"groups", options.groups}};
}

/// The operator behind `conv2d`. Inputs: src, weights and, if any, bias. In f32 images lie with their channels
/// last, weights row-major: the kernel brings them into oneDNN's own format on each run.
class Conv2dOp final : public Operator {
 public:
  explicit Conv2dOp(Conv2dOptions options) : options_(options) {}
  [[nodiscard]] std::string_view name() const override { return "conv2d"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return conv2d_attributes(options_); }
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

/// The gradient of src, images of size `image`. Inputs: grad_dst, weights. It is also what `conv_transpose2d`
/// computes.
class Conv2dBackwardDataOp final : public Operator {
 public:
  Conv2dBackwardDataOp(Conv2dOptions options, Size2d image) : options_(options), image_(image) {}
  [[nodiscard]] std::string_view name() const override { return "conv2d_backward_data"; }
  [[nodiscard]] std::vector<Attribute> attributes() const override { return conv2d_attributes(options_); }
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

/// The gradient of the weights, kernels of size `kernel`, and, where there is a bias, of the bias. Inputs: src,
/// grad_dst.
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

#pragma GCC visibility pop
