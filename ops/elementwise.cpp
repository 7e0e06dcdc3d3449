#include "keel/ops/elementwise.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "keel/graph/tape.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/onednn_kernel.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

using Kind = ElementwiseOp::Kind;
using Function = double (*)(double x, double slope);
using Recorded = Var (*)(const VjpContext& context);

// What backward reads.
enum class Reads : std::uint8_t { src, dst };

// The derivative is either recorded as operators, so that it has derivatives itself, or an operator of its
// own.
struct Row {
  std::string_view name;
  onednn::Eltwise f32;
  Function f64;
  Recorded grad = nullptr;
  std::string_view backward_name = {};
  Reads reads = Reads::src;
  Function derivative = nullptr;  // as a function of what backward reads
};

// The normal distribution's cumulative function, by erfc, which keeps its digits far below 0.
double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

double normal_density(double x) {
  return std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

const Var& grad_of(const VjpContext& context) {
  return context.output_grads[0];
}

// By Kind. x is src, y is dst.
constexpr std::array table{
    // beta is -0 so that -1 * 0 + beta is -0.
    Row{.name = "negate",
        .f32 = {dnnl::algorithm::eltwise_linear, -1.0F, -0.0F},
        .f64 = [](double x, double) { return -x; },
        .grad = [](const VjpContext& c) { return negate(grad_of(c), c.where); }},
    Row{.name = "exp",
        .f32 = {dnnl::algorithm::eltwise_exp},
        .f64 = [](double x, double) { return std::exp(x); },
        .grad = [](const VjpContext& c) { return multiply(grad_of(c), c.outputs[0], c.where); }},
    Row{.name = "log",
        .f32 = {dnnl::algorithm::eltwise_log},
        .f64 = [](double x, double) { return std::log(x); },
        .grad = [](const VjpContext& c) { return divide(grad_of(c), c.inputs[0], c.where); }},
    // g / 2y
    Row{.name = "sqrt",
        .f32 = {dnnl::algorithm::eltwise_sqrt},
        .f64 = [](double x, double) { return std::sqrt(x); },
        .grad =
            [](const VjpContext& c) {
              const auto& y = c.outputs[0];
              return divide(grad_of(c), add(y, y, c.where), c.where);
            }},
    // g * 2x
    Row{.name = "square",
        .f32 = {dnnl::algorithm::eltwise_square},
        .f64 = [](double x, double) { return x * x; },
        .grad =
            [](const VjpContext& c) {
              const auto& x = c.inputs[0];
              return multiply(grad_of(c), add(x, x, c.where), c.where);
            }},
    Row{.name = "leaky_relu",
        .f32 = {dnnl::algorithm::eltwise_relu_use_dst_for_bwd},  // alpha: the slope
        .f64 = [](double x, double slope) { return x > 0.0 ? x : slope * x; },
        .backward_name = "leaky_relu_backward",
        .reads = Reads::dst,
        .derivative = [](double y, double slope) { return y <= 0.0 ? slope : 1.0; }},
    Row{.name = "sigmoid",
        .f32 = {dnnl::algorithm::eltwise_logistic_use_dst_for_bwd},
        .f64 = [](double x, double) { return 1.0 / (1.0 + std::exp(-x)); },
        .backward_name = "sigmoid_backward",
        .reads = Reads::dst,
        .derivative = [](double y, double) { return y * (1.0 - y); }},
    Row{.name = "tanh",
        .f32 = {dnnl::algorithm::eltwise_tanh_use_dst_for_bwd},
        .f64 = [](double x, double) { return std::tanh(x); },
        .backward_name = "tanh_backward",
        .reads = Reads::dst,
        .derivative = [](double y, double) { return (1.0 - y) * (1.0 + y); }},
    Row{.name = "gelu",
        .f32 = {dnnl::algorithm::eltwise_gelu_erf},
        .f64 = [](double x, double) { return x * normal_cdf(x); },
        .backward_name = "gelu_backward",
        .reads = Reads::src,
        .derivative = [](double x, double) { return normal_cdf(x) + x * normal_density(x); }},
};

const Row& row_of(Kind kind) {
  return table.at(static_cast<std::size_t>(kind));
}

onednn::Eltwise f32_function(Kind kind, double slope) {
  auto function = row_of(kind).f32;
  if (kind == Kind::leaky_relu) function.alpha = static_cast<float>(slope);
  return function;
}

// The elements as they lie in memory, in whichever order.
onednn::Desc flat(const ValueType& type) {
  return onednn::dense(Shape{type.shape.elements()});
}

}  // namespace

std::string_view ElementwiseOp::name() const {
  return row_of(kind_).name;
}

std::vector<ValueType> ElementwiseOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  return {inputs[0]};
}

Kernel ElementwiseOp::bind(const Binding& binding) const {
  const auto& type = binding.output_type(0);
  if (type.dtype == DType::f32) {
    const auto desc = flat(type);
    auto call = onednn::eltwise_forward(f32_function(kind_, slope_), desc);
    call.argument(DNNL_ARG_SRC, desc, binding.input_slot(0));
    call.argument(DNNL_ARG_DST, desc, binding.output_slot(0));
    return finish(std::move(call), binding);
  }
  return {[function = row_of(kind_).f64, slope = slope_, src = binding.input<const double>(0),
           dst = binding.output<double>(0), count = type.shape.elements()] {
            for (std::int64_t i = 0; i < count; ++i) dst.get()[i] = function(src.get()[i], slope);
          },
          "reference"};
}

std::vector<Var> ElementwiseOp::vjp(const VjpContext& context) const {
  const auto& row = row_of(kind_);
  if (row.grad != nullptr) return {row.grad(context)};
  const auto& read = row.reads == Reads::src ? context.inputs[0] : context.outputs[0];
  return {record(std::make_shared<ElementwiseBackwardOp>(kind_, slope_), {grad_of(context), read},
                 context.where)};
}

std::string_view ElementwiseBackwardOp::name() const {
  return row_of(kind_).backward_name;
}

std::vector<ValueType> ElementwiseBackwardOp::infer(std::span<const ValueType> inputs) const {
  require_same_float(inputs);
  require_shape(inputs[1], inputs[0].shape, row_of(kind_).reads == Reads::src ? "src" : "dst");
  return {inputs[0]};
}

Kernel ElementwiseBackwardOp::bind(const Binding& binding) const {
  const auto& row = row_of(kind_);
  const auto& type = binding.output_type(0);
  if (type.dtype == DType::f32) {
    const auto desc = flat(type);
    auto call = onednn::eltwise_backward(f32_function(kind_, slope_), desc);
    call.argument(DNNL_ARG_DIFF_DST, desc, binding.input_slot(0));
    call.argument(row.reads == Reads::src ? DNNL_ARG_SRC : DNNL_ARG_DST, desc, binding.input_slot(1));
    call.argument(DNNL_ARG_DIFF_SRC, desc, binding.output_slot(0));
    return finish(std::move(call), binding);
  }
  return {[derivative = row.derivative, slope = slope_, grad_dst = binding.input<const double>(0),
           read = binding.input<const double>(1), grad_src = binding.output<double>(0),
           count = type.shape.elements()] {
            for (std::int64_t i = 0; i < count; ++i) {
              grad_src.get()[i] = grad_dst.get()[i] * derivative(read.get()[i], slope);
            }
          },
          "reference"};
}

namespace {

Var elementwise(Kind kind, const Var& src, const SourceLocation& where) {
  return record(std::make_shared<ElementwiseOp>(kind), {src}, where);
}

}  // namespace

Var negate(const Var& src, const SourceLocation& where) {
  return elementwise(Kind::negate, src, where);
}

Var exp(const Var& src, const SourceLocation& where) {
  return elementwise(Kind::exp, src, where);
}

Var log(const Var& src, const SourceLocation& where) {
  return elementwise(Kind::log, src, where);
}

Var sqrt(const Var& src, const SourceLocation& where) {
  return elementwise(Kind::sqrt, src, where);
}

Var square(const Var& src, const SourceLocation& where) {
  return elementwise(Kind::square, src, where);
}

Var leaky_relu(const Var& src, double slope, const SourceLocation& where) {
  if (!(slope >= 0.0 && slope <= static_cast<double>(std::numeric_limits<float>::max()))) {
    throw Error{fmt::format("leaky_relu at {}: the slope is {}, but must be finite and at least 0",
                            describe(where), slope)};
  }
  return record(std::make_shared<ElementwiseOp>(Kind::leaky_relu, slope), {src}, where);
}

Var sigmoid(const Var& src, const SourceLocation& where) {
  return elementwise(Kind::sigmoid, src, where);
}

Var tanh(const Var& src, const SourceLocation& where) {
  return elementwise(Kind::tanh, src, where);
}

Var gelu(const Var& src, const SourceLocation& where) {
  return elementwise(Kind::gelu, src, where);
}

}  // namespace keel
