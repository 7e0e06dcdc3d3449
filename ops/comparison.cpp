#include "keel/ops/comparison.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "keel/graph/tape.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/binary_op.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/power.hpp"
#include "keel/ops/term.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

enum class Kind : std::uint8_t {
  greater,
  greater_equal,
  less,
  less_equal,
  equal,
  not_equal,
  minimum,
  share_of_minimum,  // of the gradient, for a: 1 where a < b, 1/2 where they are equal, else 0
  pow,
};

Var binary(Kind kind, const Var& a, const Var& b, const SourceLocation& where);

// A function that is constant but for jumps.
template <class Function>
constexpr BinaryFunction steps(std::string_view name, Function function) {
  return binary_function(name, function, [](const VjpContext&, std::size_t) { return Var{}; });
}

template <class Comparison>
constexpr BinaryFunction comparison(std::string_view name, Comparison) {
  constexpr auto function = [](auto a, auto b) {
    using T = decltype(a);
    return Comparison{}(a, b) ? T{1} : T{0};
  };
  auto result = steps(name, function);
  result.s32 = run_of<std::int32_t, std::remove_const_t<decltype(function)>>;
  return result;
}

// Whether 1 / a is more than the element type holds, or NaN.
Var has_no_inverse(const Var& a, const SourceLocation& where) {
  const double smallest = a.dtype() == DType::f32 ? 1.0 / std::numeric_limits<float>::max()
                                                  : 1.0 / std::numeric_limits<double>::max();
  return equal(greater(abs(a, where), smallest, where), 0.0, where);
}

// With y = a^b, da = b a^(b-1) and db = y log a. Both are 0 where a and b are 0, since a number's power of 0 and
// the powers of 0 above 0 are constant; there they are not computed, so that their own derivatives are 0 too.
Var grad_of_power(const VjpContext& c, std::size_t i) {
  const auto& where = c.where;
  const Term grad{c.output_grads[0], where};
  const Term b{c.inputs[1], where};
  if (i == 0) {
    const Var both = multiply(has_no_inverse(c.inputs[0], where), equal(b.var, 0.0, where), where);
    const Term safe{keel::where(both, 1.0, b.var, where), where};
    return (grad * (b * Term{pow(c.inputs[0], (safe + -1.0).var, where), where})).var;
  }
  const Var a_is_zero = equal(c.inputs[0], 0.0, where);
  const Var constant = multiply(a_is_zero, greater_equal(b.var, 0.0, where), where);
  const Var safe = keel::where(constant, 1.0, c.inputs[0], where);
  return (grad * Term{c.outputs[0], where} * Term{log(safe, where), where}).var;
}

// By Kind.
constexpr std::array table{
    comparison("greater", [](auto a, auto b) { return a > b; }),
    comparison("greater_equal", [](auto a, auto b) { return a >= b; }),
    comparison("less", [](auto a, auto b) { return a < b; }),
    comparison("less_equal", [](auto a, auto b) { return a <= b; }),
    comparison("equal", [](auto a, auto b) { return a == b; }),
    comparison("not_equal", [](auto a, auto b) { return a != b; }),
    binary_function(
        "minimum", [](auto a, auto b) { return a < b || std::isnan(a) ? a : b; },
        [](const VjpContext& c, std::size_t i) {
          const Var share = binary(Kind::share_of_minimum, c.inputs[i], c.inputs[1 - i], c.where);
          return multiply(c.output_grads[0], share, c.where);
        }),
    steps("share_of_minimum",
          [](auto a, auto b) {
            using T = decltype(a);
            return a < b ? T{1} : a == b ? T{0.5} : a > b ? T{0} : a - b;  // NaN where either is
          }),
    binary_function(
        "pow",
        [](auto a, auto b) {
          return static_cast<decltype(a)>(std::pow(static_cast<double>(a), static_cast<double>(b)));
        },
        grad_of_power),
};

Var binary(Kind kind, const Var& a, const Var& b, const SourceLocation& where) {
  return record(std::make_shared<BinaryOp>(table.at(static_cast<std::size_t>(kind))), {a, b}, where);
}

Var binary_of(Kind kind, const Operand& a, const Operand& b, const SourceLocation& where) {
  if (a.is_number() && b.is_number()) {
    throw Error{fmt::format("{} at {}: both operands are numbers; one must be a Var",
                            table.at(static_cast<std::size_t>(kind)).name, describe(where))};
  }
  const Var model = a.is_number() ? b.var() : a.var();
  return binary(kind, a.as(model.dtype(), model.tape(), where), b.as(model.dtype(), model.tape(), where),
                where);
}

}  // namespace

Var Operand::as(DType dtype, Tape& tape, const SourceLocation& where) const {
  if (!is_number()) return var_;
  if (dtype == DType::f32 || dtype == DType::f64) return tape.constant(*number_, dtype);
  constexpr double most = std::numeric_limits<std::int32_t>::max();
  if (!(std::abs(*number_) <= most) || std::trunc(*number_) != *number_) {
    throw Error{fmt::format("{}, an operand at {}, is no element of type {}, which the others have", *number_,
                            describe(where), name_of(dtype))};
  }
  const auto whole = static_cast<std::int32_t>(*number_);
  return tape.stored(Tensor::of<std::int32_t>({}, {whole}), fmt::format("{}", whole));
}

Var greater(const Operand& a, const Operand& b, const SourceLocation& where) {
  return binary_of(Kind::greater, a, b, where);
}

Var greater_equal(const Operand& a, const Operand& b, const SourceLocation& where) {
  return binary_of(Kind::greater_equal, a, b, where);
}

Var less(const Operand& a, const Operand& b, const SourceLocation& where) {
  return binary_of(Kind::less, a, b, where);
}

Var less_equal(const Operand& a, const Operand& b, const SourceLocation& where) {
  return binary_of(Kind::less_equal, a, b, where);
}

Var equal(const Operand& a, const Operand& b, const SourceLocation& where) {
  return binary_of(Kind::equal, a, b, where);
}

Var not_equal(const Operand& a, const Operand& b, const SourceLocation& where) {
  return binary_of(Kind::not_equal, a, b, where);
}

Var minimum(const Operand& a, const Operand& b, const SourceLocation& where) {
  return binary_of(Kind::minimum, a, b, where);
}

Var pow(const Var& base, const Var& exponent, const SourceLocation& where) {
  return binary(Kind::pow, base, exponent, where);
}

Var pow(double base, const Var& exponent, const SourceLocation& where) {
  return binary_of(Kind::pow, base, exponent, where);
}

}  // namespace keel
