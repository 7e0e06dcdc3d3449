// Activations, many of which are said by others.

#include <array>
#include <cmath>
#include <numbers>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/indexing.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/ops/transpose.hpp"

namespace keel::onnx {
namespace {

Term clamped(const Term& x, double lower, double upper) {
  return {clamp(x.var, lower, upper, x.where), x.where};
}

void rectified(Call& call) {
  call.give(relu(call.real(0), call.where()));
}

void leaky(Call& call) {
  const auto slope = call.number("alpha", 0.01);
  const Term x = call.term(0);
  if (slope >= 0.0) return call.give(leaky_relu(x.var, slope, x.where));
  call.give(where(greater(x.var, 0.0, x.where), x.var, (x * slope).var, x.where));
}

// Up to opset 6 several slopes are those of the channels.
void parametric(Call& call) {
  const Term x = call.term(0);
  Term slope = call.term(1);
  const Shape shape = slope.var.shape();
  if (call.opset() < 7 && shape.rank() == 1 && x.var.shape().rank() > 2) {
    std::vector<std::int64_t> along(x.var.shape().rank() - 1, 1);
    along[0] = shape[0];
    slope = slope.reshaped(Shape{along});
  }
  call.give(where(greater(x.var, 0.0, x.where), x.var, (x * slope).var, x.where));
}

void exponential_unit(Call& call) {
  call.give(elu(call.real(0), call.number("alpha", 1.0), call.where()));
}

void scaled_exponential_unit(Call& call) {
  const auto alpha = call.number("alpha", 1.67326319217681884765625);
  const auto gamma = call.number("gamma", 1.05070102214813232421875);
  call.give(Term{elu(call.real(0), alpha, call.where()), call.where()} * gamma);
}

// max(0, x) + min(0, alpha (exp(x / alpha) - 1))
void continuous_exponential_unit(Call& call) {
  const auto alpha = call.number("alpha", 1.0);
  const Term scaled = call.term(0) * (1.0 / alpha);
  call.give(Term{elu(scaled.var, 1.0, call.where()), call.where()} * alpha);
}

void soft_plus(Call& call) {
  call.give(softplus(call.real(0), call.where()));
}

void soft_sign(Call& call) {
  const Term x = call.term(0);
  call.give(x / (Term{abs(x.var, x.where), x.where} + 1.0));
}

Term hard_sigmoid(const Term& x, double alpha, double beta) {
  return clamped(x * alpha + beta, 0.0, 1.0);
}

void hard_sigmoid_of(Call& call) {
  call.give(hard_sigmoid(call.term(0), call.number("alpha", 0.2), call.number("beta", 0.5)));
}

void hard_swish(Call& call) {
  call.give(call.term(0) * hard_sigmoid(call.term(0), 1.0 / 6.0, 0.5));
}

void gaussian(Call& call) {
  const auto approximate = call.text("approximate", "none");
  const Term x = call.term(0);
  if (approximate == "none") return call.give(gelu(x.var, x.where));
  if (approximate != "tanh") call.fail("attribute 'approximate' is neither 'none' nor 'tanh'");
  const Term inner = (x + (square(x) * x) * 0.044715) * std::sqrt(2.0 / std::numbers::pi);
  call.give((x * 0.5) * (Term{tanh(inner.var, x.where), x.where} + 1.0));
}

void mish(Call& call) {
  const Term x = call.term(0);
  call.give(x * Term{tanh(softplus(x.var, x.where), x.where), x.where});
}

void thresholded(Call& call) {
  const Term x = call.term(0);
  call.give(where(greater(x.var, call.number("alpha", 1.0), x.where), x.var, 0.0, x.where));
}

void shrink(Call& call) {
  const Term x = call.term(0);
  const auto bias = call.number("bias", 0.0);
  const auto bound = call.number("lambd", 0.5);
  const Var raised = where(less(x.var, -bound, x.where), (x + bias).var, 0.0, x.where);
  call.give(where(greater(x.var, bound, x.where), (x + -bias).var, raised, x.where));
}

// Up to opset 12 all axes from `axis` on are one.
template <class Function>
void along_axis(Call& call, const Function& function) {
  const Var src = call.real(0);
  const auto axis = call.integer("axis", call.opset() < 13 ? 1 : -1);
  if (call.opset() >= 13) return call.give(function(src, axis));
  const Shape shape = src.shape();
  const auto first = axis_of(axis, shape);
  const auto rows = elements_between(shape, 0, first);
  const Shape matrix{rows, elements_between(shape, first, shape.rank())};
  call.give(reshape_to(function(reshape_to(src, matrix, call.where()), 1), shape, call.where()));
}

void softmax_of(Call& call) {
  along_axis(call, [&](const Var& src, std::int64_t axis) { return softmax(src, axis, call.where()); });
}

void log_softmax_of(Call& call) {
  along_axis(call, [&](const Var& src, std::int64_t axis) { return log_softmax(src, axis, call.where()); });
}

void hardmax(Call& call) {
  along_axis(call, [&](const Var& src, std::int64_t axis) {
    const auto place = static_cast<std::int64_t>(axis_of(axis, src.shape()));
    const auto rank = static_cast<std::int64_t>(src.shape().rank());
    const Var ones = one_hot(argmax(src, place, call.where()), src.shape()[static_cast<std::size_t>(place)],
                             src.dtype(), call.where());
    Axes permutation;
    for (std::int64_t i = 0; i < rank; ++i)
      permutation.push_back(i < place ? i : i == place ? rank - 1 : i - 1);
    return transpose(ones, permutation, call.where());
  });
}

}  // namespace

std::span<const OperatorEntry> activation_operators() {
  static constexpr std::array entries{
      OperatorEntry{"Relu", 1, 1, 1, rectified},
      OperatorEntry{"LeakyRelu", 1, 1, 1, leaky},
      OperatorEntry{"PRelu", 2, 2, 1, parametric},
      OperatorEntry{"Elu", 1, 1, 1, exponential_unit},
      OperatorEntry{"Selu", 1, 1, 1, scaled_exponential_unit},
      OperatorEntry{"Celu", 1, 1, 1, continuous_exponential_unit},
      OperatorEntry{"Softplus", 1, 1, 1, soft_plus},
      OperatorEntry{"Softsign", 1, 1, 1, soft_sign},
      OperatorEntry{"HardSigmoid", 1, 1, 1, hard_sigmoid_of},
      OperatorEntry{"HardSwish", 1, 1, 1, hard_swish},
      OperatorEntry{"Gelu", 1, 1, 1, gaussian},
      OperatorEntry{"Mish", 1, 1, 1, mish},
      OperatorEntry{"ThresholdedRelu", 1, 1, 1, thresholded},
      OperatorEntry{"Shrink", 1, 1, 1, shrink},
      OperatorEntry{"Softmax", 1, 1, 1, softmax_of},
      OperatorEntry{"LogSoftmax", 1, 1, 1, log_softmax_of},
      OperatorEntry{"Hardmax", 1, 1, 1, hardmax},
  };
  return entries;
}

}  // namespace keel::onnx
