#include "keel/ops/elementwise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "keel/graph/tape.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise_op.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/unary_loops.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

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
  loops::UnaryLoop* f32;
  Function f64;
  Recorded grad = nullptr;
  std::string_view backward_name = {};
  Reads reads = Reads::src;
  loops::UnaryBackwardLoop* f32_backward = nullptr;
  double (*f64_backward)(double grad, double read, double slope) = nullptr;
  // The derivative's own derivative times `grads`, the product of grad_dst and the gradient upstream; undefined
  // where it is zero.
  Var (*second)(const Term& grads, const Term& read) = nullptr;
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
    Row{.name = "negate",
        .f32 = loops::negate,
        .f64 = [](double x, double) { return -x; },
        .grad = [](const VjpContext& c) { return negate(grad_of(c), c.where); }},
    Row{.name = "exp",
        .f32 = loops::exp,
        .f64 = [](double x, double) { return std::exp(x); },
        .grad = [](const VjpContext& c) { return multiply(grad_of(c), c.outputs[0], c.where); }},
    Row{.name = "log",
        .f32 = loops::log,
        .f64 = [](double x, double) { return std::log(x); },
        .grad = [](const VjpContext& c) { return divide(grad_of(c), c.inputs[0], c.where); }},
    // g / 2y
    Row{.name = "sqrt",
        .f32 = loops::sqrt,
        .f64 = [](double x, double) { return std::sqrt(x); },
        .grad =
            [](const VjpContext& c) {
              const auto& y = c.outputs[0];
              return divide(grad_of(c), add(y, y, c.where), c.where);
            }},
    // g * 2x
    Row{.name = "square",
        .f32 = loops::square,
        .f64 = [](double x, double) { return x * x; },
        .grad =
            [](const VjpContext& c) {
              const auto& x = c.inputs[0];
              return multiply(grad_of(c), add(x, x, c.where), c.where);
            }},
    Row{.name = "relu",
        .f32 = loops::relu,
        .f64 = [](double x, double) { return x <= 0.0 ? 0.0 : x; },  // NaN stays NaN
        .backward_name = "relu_backward",
        .reads = Reads::dst,
        .f32_backward = loops::relu_backward,
        .f64_backward = [](double grad, double y, double) { return y > 0.0 ? grad : (y <= 0.0 ? 0.0 : y); }},
    Row{.name = "leaky_relu",
        .f32 = loops::leaky_relu,
        .f64 = [](double x, double slope) { return x > 0.0 ? x : slope * x; },
        .backward_name = "leaky_relu_backward",
        .reads = Reads::dst,
        .f32_backward = loops::leaky_relu_backward,
        .f64_backward = [](double grad, double y,
                           double slope) { return grad * (y > 0.0 ? 1.0 : (y <= 0.0 ? slope : y)); }},
    Row{.name = "sigmoid",
        .f32 = loops::sigmoid,
        .f64 = [](double x, double) { return 1.0 / (1.0 + std::exp(-x)); },
        .backward_name = "sigmoid_backward",
        .reads = Reads::dst,
        .f32_backward = loops::sigmoid_backward,
        .f64_backward = [](double grad, double y, double) { return grad * (y * (1.0 - y)); },
        .second = [](const Term& grads, const Term& y) { return (grads * (1.0 - y * 2.0)).var; }},
    Row{.name = "tanh",
        .f32 = loops::tanh,
        .f64 = [](double x, double) { return std::tanh(x); },
        .backward_name = "tanh_backward",
        .reads = Reads::dst,
        .f32_backward = loops::tanh_backward,
        .f64_backward = [](double grad, double y, double) { return grad * ((1.0 - y) * (1.0 + y)); },
        .second = [](const Term& grads, const Term& y) { return (grads * y * -2.0).var; }},
    Row{.name = "gelu",
        .f32 = loops::gelu,
        .f64 = [](double x, double) { return x * normal_cdf(x); },
        .backward_name = "gelu_backward",
        .reads = Reads::src,
        .f32_backward = loops::gelu_backward,
        .f64_backward = [](double grad, double x,
                           double) { return grad * (normal_cdf(x) + x * normal_density(x)); },
        // (2 - x^2) times the density, whose derivative is -x times itself. With the density's root in each factor
        // nothing overflows that is multiplied by 0.
        .second =
            [](const Term& grads, const Term& x) {
              const Term root = exp(square(x) * -0.25);
              const double scale = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
              return (grads * ((square(root) * 2.0 - square(x * root)) * scale)).var;
            }},
};

const Row& row_of(Kind kind) {
  return table.at(static_cast<std::size_t>(kind));
}

// The elements that make a thread worth starting.
constexpr std::int64_t elements_per_thread = 16384;

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
    return {
        [loop = row_of(kind_).f32, slope = static_cast<float>(slope_), src = binding.input<const float>(0),
         dst = binding.output<float>(0), count = type.shape.elements()] {
          parallel_for(count, elements_per_thread, [&](std::int64_t begin, std::int64_t end) {
            loop(src.get() + begin, dst.get() + begin, end - begin, slope);
          });
        },
        "loop"};
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

// Linear in grad_dst.
std::vector<Var> ElementwiseBackwardOp::vjp(const VjpContext& context) const {
  const auto& grad_dst = context.inputs[0];
  const auto& read = context.inputs[1];
  const auto& grad = grad_of(context);
  const auto& where = context.where;
  std::vector<Var> grads(2);
  if (context.needed[0])
    grads[0] = record(std::make_shared<ElementwiseBackwardOp>(kind_, slope_), {grad, read}, where);
  const auto second = row_of(kind_).second;
  if (context.needed[1] && second != nullptr)
    grads[1] = second({multiply(grad, grad_dst, where), where}, {read, where});
  return grads;
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
    return {[loop = row.f32_backward, slope = static_cast<float>(slope_),
             grad_dst = binding.input<const float>(0), read = binding.input<const float>(1),
             grad_src = binding.output<float>(0), count = type.shape.elements()] {
              parallel_for(count, elements_per_thread, [&](std::int64_t begin, std::int64_t end) {
                loop(grad_dst.get() + begin, read.get() + begin, grad_src.get() + begin, end - begin, slope);
              });
            },
            "loop"};
  }
  return {[function = row.f64_backward, slope = slope_, grad_dst = binding.input<const double>(0),
           read = binding.input<const double>(1), grad_src = binding.output<double>(0),
           count = type.shape.elements()] {
            for (std::int64_t i = 0; i < count; ++i)
              grad_src.get()[i] = function(grad_dst.get()[i], read.get()[i], slope);
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

Var relu(const Var& src, const SourceLocation& where) {
  return elementwise(Kind::relu, src, where);
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
