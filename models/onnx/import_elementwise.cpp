// Arithmetic and functions of one number.

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/power.hpp"
#include "keel/ops/reshape.hpp"

namespace keel::onnx {
namespace {

using Unary = Var (*)(const Var& src, const SourceLocation& where);
using Binary = Var (*)(const Var& a, const Var& b, const SourceLocation& where);
using Whole = std::int64_t (*)(std::int64_t a, std::int64_t b);

template <Unary function>
void unary(Call& call) {
  call.give(function(call.real(0), call.where()));
}

// Of whole numbers that are known, such as extents, both of one shape or one of them a single number.
bool fold_whole(Call& call, Whole function) {
  if (is_real(call.element(0)) || !call.is_known(0) || !call.is_known(1)) return false;
  const auto& a = call.known(0);
  const auto& b = call.known(1);
  const bool one_a = a.numbers.size() == 1 && a.extents.size() <= b.extents.size();
  const bool one_b = b.numbers.size() == 1 && b.extents.size() <= a.extents.size();
  if (a.extents != b.extents && !one_a && !one_b) return false;
  const auto& whole = one_b || a.extents == b.extents ? a : b;
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 0; i < whole.numbers.size(); ++i)
    numbers.push_back(function(a.numbers[one_a ? 0 : i], b.numbers[one_b ? 0 : i]));
  call.give_integers(numbers, whole.extents, a.element);
  return true;
}

// Overflow wraps round, as everywhere in ONNX.
std::int64_t wrapped(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return wrapped(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return wrapped(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t times(std::int64_t a, std::int64_t b) {
  return wrapped(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}
// Towards 0; by 0, and of the one number without a counterpart, 0.
std::int64_t over(std::int64_t a, std::int64_t b) {
  return b == 0 || (b == -1 && a == std::numeric_limits<std::int64_t>::min()) ? 0 : a / b;
}
std::int64_t larger(std::int64_t a, std::int64_t b) {
  return std::max(a, b);
}
std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return std::min(a, b);
}
std::int64_t truncated_remainder(std::int64_t a, std::int64_t b) {
  return b == 0 || b == -1 ? 0 : a % b;
}
std::int64_t remainder(std::int64_t a, std::int64_t b) {
  if (b == 0 || b == -1) return 0;
  const auto rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

template <Binary function, Whole whole>
void binary(Call& call) {
  if (fold_whole(call, whole)) return;
  if (call.opset() < 7 && call.is_set("axis"))
    call.refuse("keel lines up shapes from the back, as ONNX does since opset 7");
  call.give(function(call.real(0), call.real(1), call.where()));
}

Var smallest(const Var& a, const Var& b, const SourceLocation& where) {
  return minimum(a, b, where);
}

template <Binary function, Whole whole>
void variadic(Call& call) {
  if (call.inputs() == 2 && fold_whole(call, whole)) return;
  Var result = call.real(0);
  for (std::size_t i = 1; i < call.inputs(); ++i) result = function(result, call.real(i), call.where());
  call.give(result);
}

void mean_of_inputs(Call& call) {
  Term sum = call.term(0);
  for (std::size_t i = 1; i < call.inputs(); ++i) sum = sum + call.term(i);
  call.give(sum * (1.0 / static_cast<double>(call.inputs())));
}

void power(Call& call) {
  const Var base = call.real(0);
  if (call.is_known(1) && call.extents(1).empty())
    return call.give(pow(base, call.known_number(1), call.where()));
  call.give(pow(base, call.as_real(1, base.dtype()), call.where()));
}

// The sign of a by fmod, of b otherwise.
void modulo(Call& call) {
  if (fold_whole(call, call.flag("fmod") ? truncated_remainder : remainder)) return;
  const Term a = call.term(0);
  const Term b = call.term(1);
  if (!call.flag("fmod")) call.refuse("keel has the remainder of floating-point numbers by fmod alone");
  const Term quotient = a / b;
  const Term whole{multiply(sign(quotient.var, a.where), floor(abs(quotient.var, a.where), a.where), a.where),
                   a.where};
  call.give(a - b * whole);
}

Term log1p_of(const Term& x) {
  return {log1p(x.var, x.where), x.where};
}
Term absolute(const Term& x) {
  return {abs(x.var, x.where), x.where};
}

void sinh_of(Call& call) {  // with t = e^x - 1: (t + t / (t + 1)) / 2, without cancellation
  const Term x = call.term(0);
  const Term t{expm1(absolute(x).var, x.where), x.where};
  call.give(Term{sign(x.var, x.where), x.where} * ((t + t / (t + 1.0)) * 0.5));
}

void cosh_of(Call& call) {
  const Term e = exp(absolute(call.term(0)));
  call.give((e + 1.0 / e) * 0.5);
}

void asinh_of(Call& call) {
  const Term x = call.term(0);
  const Term magnitude = absolute(x);
  const Term squared = square(x);
  call.give(Term{sign(x.var, x.where), x.where} *
            log1p_of(magnitude + squared / (sqrt(squared + 1.0) + 1.0)));
}

void acosh_of(Call& call) {
  const Term x = call.term(0);
  const Term above = x + -1.0;
  call.give(log1p_of(above + sqrt(above * (x + 1.0))));
}

void atanh_of(Call& call) {
  const Term x = call.term(0);
  const Term magnitude = absolute(x);
  call.give(Term{sign(x.var, x.where), x.where} * (log1p_of((magnitude * 2.0) / (1.0 - magnitude)) * 0.5));
}

void clip(Call& call) {
  const Var src = call.real(0);
  const auto bound = [&](std::string_view name, std::size_t input) -> std::optional<double> {
    if (call.is_set(name)) return call.number(name);
    if (call.has(input) && call.is_known(input)) return call.known_number(input);
    return std::nullopt;
  };
  const auto lower = bound("min", 1);
  const auto upper = bound("max", 2);
  Var dst = lower || upper ? clamp(src, lower, upper, call.where()) : src;
  if (!lower && call.has(1)) dst = maximum(dst, call.real(1), call.where());
  if (!upper && call.has(2)) dst = minimum(dst, call.real(2), call.where());
  call.give(dst);
}

}  // namespace

std::span<const OperatorEntry> elementwise_operators() {
  static constexpr std::array entries{
      OperatorEntry{"Abs", 1, 1, 1, unary<abs>},
      OperatorEntry{"Neg", 1, 1, 1, unary<negate>},
      OperatorEntry{"Exp", 1, 1, 1, unary<exp>},
      OperatorEntry{"Log", 1, 1, 1, unary<log>},
      OperatorEntry{"Sqrt", 1, 1, 1, unary<sqrt>},
      OperatorEntry{"Erf", 1, 1, 1, unary<erf>},
      OperatorEntry{"Sin", 1, 1, 1, unary<sin>},
      OperatorEntry{"Cos", 1, 1, 1, unary<cos>},
      OperatorEntry{"Tan", 1, 1, 1, unary<tan>},
      OperatorEntry{"Sinh", 1, 1, 1, sinh_of},
      OperatorEntry{"Cosh", 1, 1, 1, cosh_of},
      OperatorEntry{"Asinh", 1, 1, 1, asinh_of},
      OperatorEntry{"Acosh", 1, 1, 1, acosh_of},
      OperatorEntry{"Atanh", 1, 1, 1, atanh_of},
      OperatorEntry{"Tanh", 1, 1, 1, unary<tanh>},
      OperatorEntry{"Sigmoid", 1, 1, 1, unary<sigmoid>},
      OperatorEntry{"Reciprocal", 1, 1, 1, unary<reciprocal>},
      OperatorEntry{"Sign", 1, 1, 1, unary<sign>},
      OperatorEntry{"Floor", 1, 1, 1, unary<floor>},
      OperatorEntry{"Ceil", 1, 1, 1, unary<ceil>},
      OperatorEntry{"Round", 1, 1, 1, unary<round>},
      OperatorEntry{"Add", 2, 2, 1, binary<add, plus>},
      OperatorEntry{"Sub", 2, 2, 1, binary<subtract, minus>},
      OperatorEntry{"Mul", 2, 2, 1, binary<multiply, times>},
      OperatorEntry{"Div", 2, 2, 1, binary<divide, over>},
      OperatorEntry{"Mod", 2, 2, 1, modulo},
      OperatorEntry{"Pow", 2, 2, 1, power},
      OperatorEntry{"Sum", 1, any_number, 1, variadic<add, plus>},
      OperatorEntry{"Max", 1, any_number, 1, variadic<maximum, larger>},
      OperatorEntry{"Min", 1, any_number, 1, variadic<smallest, smaller>},
      OperatorEntry{"Mean", 1, any_number, 1, mean_of_inputs},
      OperatorEntry{"Clip", 1, 3, 1, clip},
  };
  return entries;
}

}  // namespace keel::onnx
