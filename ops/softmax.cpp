#include "keel/ops/softmax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "keel/graph/tape.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/exponentials.hpp"
#include "keel/ops/softmax_op.hpp"
#include "keel/ops/softmax_rows.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// An array as (outer, length, inner), of which the middle axis is the one to work along.
struct Lines {
  std::int64_t outer;
  std::int64_t length;
  std::int64_t inner;
};

Lines lines_along(std::int64_t axis, const Shape& shape) {
  const auto rank = static_cast<std::int64_t>(shape.rank());
  if (rank == 0) throw ShapeError{"src must have an axis of classes, not be a scalar"};
  if (axis < -rank || axis >= rank) {
    throw ShapeError{
        fmt::format("there is no axis {}: src has {}, give {} to {}", axis, rank, -rank, rank - 1)};
  }
  const auto middle = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
  return {.outer = elements_between(shape, 0, middle),
          .length = shape[middle],
          .inner = elements_between(shape, middle + 1, shape.rank())};
}

// Of (length, inner): `inner` lines side by side. `line` is scratch of `inner` elements, as is `sum`.
template <class T>
void forward_lines(const Lines& lines, bool logarithm, const T* src, T* dst, T* line, double* sum) {
  const auto inner = lines.inner;
  const auto size = lines.length * inner;
  std::copy_n(src, inner, line);
  for (std::int64_t i = inner; i < size; i += inner) {
    for (std::int64_t k = 0; k < inner; ++k) line[k] = src[i + k] > line[k] ? src[i + k] : line[k];
  }
  for (std::int64_t i = 0; i < size; i += inner) {
    for (std::int64_t k = 0; k < inner; ++k) dst[i + k] = src[i + k] - line[k];
  }
  std::fill_n(sum, inner, 0.0);
  for (std::int64_t i = 0; i < size; i += inner) {
    T* const powers = logarithm ? line : dst + i;
    exponentials(dst + i, powers, inner);
    for (std::int64_t k = 0; k < inner; ++k) sum[k] += powers[k];
  }
  for (std::int64_t k = 0; k < inner; ++k) line[k] = static_cast<T>(logarithm ? std::log(sum[k]) : sum[k]);
  for (std::int64_t i = 0; i < size; i += inner) {
    for (std::int64_t k = 0; k < inner; ++k) {
      dst[i + k] = logarithm ? dst[i + k] - line[k] : dst[i + k] / line[k];
    }
  }
}

template <class T>
void backward_lines(const Lines& lines, bool logarithm, const T* grad_dst, const T* dst, T* grad_src,
                    double* sum) {
  const auto inner = lines.inner;
  const auto size = lines.length * inner;
  std::fill_n(sum, inner, 0.0);
  for (std::int64_t i = 0; i < size; i += inner) {
    for (std::int64_t k = 0; k < inner; ++k) sum[k] += grad_dst[i + k] * (logarithm ? 1.0 : dst[i + k]);
  }
  if (logarithm) exponentials(dst, grad_src, size);
  for (std::int64_t i = 0; i < size; i += inner) {
    for (std::int64_t k = 0; k < inner; ++k) {
      const double through_sum =
          logarithm ? grad_dst[i + k] - grad_src[i + k] * sum[k] : dst[i + k] * (grad_dst[i + k] - sum[k]);
      grad_src[i + k] = static_cast<T>(through_sum);
    }
  }
}

template <class T>
Kernel forward_loop(const Binding& binding, const Lines& lines, bool logarithm) {
  const auto inner = static_cast<std::size_t>(lines.inner);
  return {[lines, logarithm, src = binding.input<const T>(0), dst = binding.output<T>(0),
           line = SlotView<T>{*binding.scratch(inner * sizeof(T))},
           sum = SlotView<double>{*binding.scratch(inner * sizeof(double))}] {
            const auto size = lines.length * lines.inner;
            for (std::int64_t i = 0; i < lines.outer * size; i += size) {
              forward_lines(lines, logarithm, src.get() + i, dst.get() + i, line.get(), sum.get());
            }
          },
          std::is_same_v<T, double> ? "reference" : "loop"};
}

template <class T>
Kernel backward_loop(const Binding& binding, const Lines& lines, bool logarithm) {
  const auto bytes = static_cast<std::size_t>(lines.inner) * sizeof(double);
  return {[lines, logarithm, grad_dst = binding.input<const T>(0), dst = binding.input<const T>(1),
           grad_src = binding.output<T>(0), sum = SlotView<double>{*binding.scratch(bytes)}] {
            const auto size = lines.length * lines.inner;
            for (std::int64_t i = 0; i < lines.outer * size; i += size) {
              backward_lines(lines, logarithm, grad_dst.get() + i, dst.get() + i, grad_src.get() + i,
                             sum.get());
            }
          },
          std::is_same_v<T, double> ? "reference" : "loop"};
}

}  // namespace

void softmax_rows(const double* src, std::int64_t rows, std::int64_t length, bool logarithm, double* dst) {
  double line = 0.0;
  double sum = 0.0;
  for (std::int64_t i = 0; i < rows * length; i += length)
    forward_lines({1, length, 1}, logarithm, src + i, dst + i, &line, &sum);
}

std::vector<ValueType> SoftmaxOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  (void)lines_along(axis_, inputs[0].shape);
  return {inputs[0]};
}

Kernel SoftmaxOp::bind(const Binding& binding) const {
  const auto lines = lines_along(axis_, binding.output_type(0).shape);
  if (binding.output_type(0).dtype == DType::f64) return forward_loop<double>(binding, lines, logarithm_);
  if (lines.inner > 1) return forward_loop<float>(binding, lines, logarithm_);
  return {
      [lines, logarithm = logarithm_, src = binding.input<const float>(0), dst = binding.output<float>(0)] {
        softmax_rows(src.get(), lines.outer, lines.length, logarithm, dst.get());
      },
      "loop"};
}

// y_j = exp(x_j) / sum_k exp(x_k), so dy_j/dx_i = y_j ([i = j] - y_i); of its logarithm dy_j/dx_i = [i = j] -
// softmax_i, and softmax = exp(y).
std::vector<Var> SoftmaxOp::vjp(const VjpContext& context) const {
  return {record(std::make_shared<SoftmaxBackwardOp>(axis_, logarithm_),
                 {context.output_grads[0], context.outputs[0]}, context.where)};
}

std::vector<ValueType> SoftmaxBackwardOp::infer(std::span<const ValueType> inputs) const {
  require_shape(inputs[1], inputs[0].shape, "dst");
  return SoftmaxOp{axis_, logarithm_}.infer(inputs);
}

Kernel SoftmaxBackwardOp::bind(const Binding& binding) const {
  const auto lines = lines_along(axis_, binding.output_type(0).shape);
  if (binding.output_type(0).dtype == DType::f64) return backward_loop<double>(binding, lines, logarithm_);
  if (lines.inner > 1) return backward_loop<float>(binding, lines, logarithm_);
  return {[lines, logarithm = logarithm_, grad_dst = binding.input<const float>(0),
           dst = binding.input<const float>(1), grad_src = binding.output<float>(0)] {
            softmax_rows_backward(grad_dst.get(), dst.get(), lines.outer, lines.length, logarithm,
                                  grad_src.get());
          },
          "loop"};
}

std::vector<Var> SoftmaxBackwardOp::expand(std::span<const Var> inputs, const SourceLocation& where) const {
  const Term grad_dst{inputs[0], where};
  const Term dst{inputs[1], where};
  if (logarithm_) return {(grad_dst - exp(dst) * grad_dst.sum({axis_})).var};
  return {(dst * (grad_dst - (grad_dst * dst).sum({axis_}))).var};
}

Var softmax(const Var& src, std::int64_t axis, const SourceLocation& where) {
  return record(std::make_shared<SoftmaxOp>(axis, false), {src}, where);
}

Var log_softmax(const Var& src, std::int64_t axis, const SourceLocation& where) {
  return record(std::make_shared<SoftmaxOp>(axis, true), {src}, where);
}

}  // namespace keel
