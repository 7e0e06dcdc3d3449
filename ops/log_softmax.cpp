#include "keel/ops/log_softmax.hpp"

#include <algorithm>
#include <cmath>

#include "keel/graph/tape.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

struct Rows {
  std::int64_t count;
  std::int64_t length;
};

Rows rows_of(const Shape& shape) {
  const auto length = shape[shape.rank() - 1];
  return {shape.elements() / length, length};
}

}  // namespace

std::vector<ValueType> LogSoftmaxOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  if (inputs[0].shape.rank() == 0) throw ShapeError{"src must have an axis of classes, not be a scalar"};
  return {inputs[0]};
}

Kernel LogSoftmaxOp::bind(const Binding& binding) const {
  const auto rows = rows_of(binding.output_type(0).shape);
  if (binding.output_type(0).dtype == DType::f32) {
    const auto desc = onednn::dense({rows.count, rows.length});
    auto call = onednn::log_softmax_forward(desc, 1);
    call.argument(DNNL_ARG_SRC, desc, binding.input_slot(0));
    call.argument(DNNL_ARG_DST, desc, binding.output_slot(0));
    return finish(std::move(call), binding);
  }
  return {[rows, src = binding.input<const double>(0), dst = binding.output<double>(0)] {
            for (std::int64_t i = 0; i < rows.count; ++i) {
              const std::span<const double> row{src.get() + i * rows.length,
                                                static_cast<std::size_t>(rows.length)};
              const double highest = *std::ranges::max_element(row);
              double sum = 0.0;
              for (const double value : row) sum += std::exp(value - highest);
              const double shift = highest + std::log(sum);
              std::ranges::transform(row, dst.get() + i * rows.length,
                                     [&](double value) { return value - shift; });
            }
          },
          "reference"};
}

// y_j = x_j - log(sum_k exp(x_k)), so dy_j/dx_i = [i = j] - softmax_i, and softmax = exp(y).
std::vector<Var> LogSoftmaxOp::vjp(const VjpContext& context) const {
  return {record(std::make_shared<LogSoftmaxBackwardOp>(), {context.output_grads[0], context.outputs[0]},
                 context.where)};
}

std::vector<ValueType> LogSoftmaxBackwardOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_shape(inputs[1], inputs[0].shape, "dst");
  return {inputs[0]};
}

Kernel LogSoftmaxBackwardOp::bind(const Binding& binding) const {
  const auto rows = rows_of(binding.output_type(0).shape);
  if (binding.output_type(0).dtype == DType::f32) {
    const auto desc = onednn::dense({rows.count, rows.length});
    auto call = onednn::log_softmax_backward(desc, 1);
    call.argument(DNNL_ARG_DIFF_DST, desc, binding.input_slot(0));
    call.argument(DNNL_ARG_DST, desc, binding.input_slot(1));
    call.argument(DNNL_ARG_DIFF_SRC, desc, binding.output_slot(0));
    return finish(std::move(call), binding);
  }
  return {[rows, grad_dst = binding.input<const double>(0), dst = binding.input<const double>(1),
           grad_src = binding.output<double>(0)] {
            for (std::int64_t i = 0; i < rows.count; ++i) {
              const std::int64_t begin = i * rows.length;
              double sum = 0.0;
              for (std::int64_t j = begin; j < begin + rows.length; ++j) sum += grad_dst.get()[j];
              for (std::int64_t j = begin; j < begin + rows.length; ++j) {
                grad_src.get()[j] = grad_dst.get()[j] - std::exp(dst.get()[j]) * sum;
              }
            }
          },
          "reference"};
}

Var log_softmax(const Var& src, const SourceLocation& where) {
  return record(std::make_shared<LogSoftmaxOp>(), {src}, where);
}

}  // namespace keel
