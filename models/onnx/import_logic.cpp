// Comparisons, truth values and changes of element type.

#include <array>
#include <limits>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"

namespace keel::onnx {
namespace {

using Comparison = Var (*)(const Operand& a, const Operand& b, const SourceLocation& where);
using WholeTest = bool (*)(std::int64_t a, std::int64_t b);

bool whole_equal(std::int64_t a, std::int64_t b) {
  return a == b;
}
bool whole_greater(std::int64_t a, std::int64_t b) {
  return a > b;
}
bool whole_less(std::int64_t a, std::int64_t b) {
  return a < b;
}
bool whole_greater_equal(std::int64_t a, std::int64_t b) {
  return a >= b;
}
bool whole_less_equal(std::int64_t a, std::int64_t b) {
  return a <= b;
}

template <Comparison function, WholeTest whole>
void comparison(Call& call) {
  const bool are_known = call.is_known(0) && call.is_known(1) && !is_real(call.element(0));
  if (are_known && call.known(0).extents == call.known(1).extents) {
    const auto& a = call.known(0).numbers;
    const auto& b = call.known(1).numbers;
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 0; i < a.size(); ++i) numbers.push_back(whole(a[i], b[i]) ? 1 : 0);
    return call.give_integers(numbers, call.known(0).extents, Element::boolean);
  }
  const bool are_truths = call.element(0) == Element::boolean;
  const Var a = are_truths ? call.truth(0) : call.var(0);
  const Var b = are_truths ? call.truth(1) : call.var(1);
  call.give(0, function(a, b, call.where()), Element::boolean);
}

template <Var (*function)(const Var& a, const Var& b, const SourceLocation& where)>
void connective(Call& call) {
  call.give(0, function(call.truth(0), call.truth(1), call.where()), Element::boolean);
}

Var differs(const Var& a, const Var& b, const SourceLocation& where) {
  return not_equal(a, b, where);
}

void negation(Call& call) {
  call.give(0, equal(call.truth(0), 0.0, call.where()), Element::boolean);
}

void choose(Call& call) {
  const bool all_known =
      call.is_known(0) && call.is_known(1) && call.is_known(2) && !is_real(call.element(1));
  if (all_known && call.known(1).extents == call.known(2).extents &&
      call.known(0).extents == call.known(1).extents) {
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 0; i < call.known(0).numbers.size(); ++i)
      numbers.push_back(call.known(call.known(0).numbers[i] != 0 ? 1 : 2).numbers[i]);
    return call.give_integers(numbers, call.known(1).extents, call.element(1));
  }
  const Var a = call.real(1);
  Var condition = call.element(0) == Element::boolean ? call.var(0) : call.truth(0);
  if (condition.dtype() != DType::s32 && condition.dtype() != a.dtype())
    call.refuse("keel's choice wants a condition of the type of what it chooses from");
  call.give(0, keel::where(condition, a, call.real(2), call.where()), call.element(1));
}

void is_nan(Call& call) {
  const Var src = call.real(0);
  call.give(0, not_equal(src, src, call.where()), Element::boolean);
}

void is_infinite(Call& call) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Var src = call.real(0);
  const bool positive = call.flag("detect_positive", true);
  const bool negative = call.flag("detect_negative", true);
  Var result = positive && negative ? equal(abs(src, call.where()), infinity, call.where())
                                    : equal(src, positive ? infinity : -infinity, call.where());
  if (!positive && !negative) result = multiply(result, src.tape().constant(0.0, src.dtype()), call.where());
  call.give(0, result, Element::boolean);
}

// What stands for `to` on the tape where "float" may be f64.
void cast_to(Call& call, Element to) {
  const Element from = call.element(0);
  const bool is_whole = !is_real(to) && !is_real(from);
  if (call.is_known(0) && (is_whole || !is_real(from))) {
    Constant result = call.known(0);
    result.element = to;
    if (is_real(to)) {
      result.reals = Tensor{Shape{result.extents}, to == Element::f64 ? DType::f64 : DType::f32};
      for (std::size_t i = 0; i < result.numbers.size(); ++i) {
        if (to == Element::f64)
          result.reals.data<double>()[i] = static_cast<double>(result.numbers[i]);
        else
          result.reals.data<float>()[i] = static_cast<float>(result.numbers[i]);
      }
      result.numbers.clear();
    } else if (to == Element::boolean) {
      for (auto& number : result.numbers) number = number != 0 ? 1 : 0;
    } else if (size_of(to) < 8) {
      if (to != Element::s32) call.refuse("keel changes integers to int32 and int64 alone");
      for (auto& number : result.numbers) number = static_cast<std::int32_t>(number);
    }
    return call.give(0, std::move(result));
  }
  if (from == to) return call.give(0, call.item(0));
  if (is_real(from) && to == Element::boolean)
    return call.give(0, not_equal(call.real(0), 0.0, call.where()), to);
  if (from == Element::boolean && is_real(to)) {
    const Var truth = call.truth(0);
    if (to == Element::f64 && truth.dtype() != DType::f64)
      call.refuse("keel has no cast from bool to double");
    return call.give(0, truth, to);
  }
  if ((from == Element::s32 && to == Element::s64) || (from == Element::s64 && to == Element::s32))
    return call.give(0, call.var(0), to);
  call.refuse("keel has no cast from " + name_of(from) + " to " + name_of(to));
}

void cast(Call& call) {
  cast_to(call, static_cast<Element>(call.integer("to")));
}

void cast_like(Call& call) {
  cast_to(call, call.element(1));
}

}  // namespace

std::span<const OperatorEntry> logic_operators() {
  static constexpr std::array entries{
      OperatorEntry{"Equal", 2, 2, 1, comparison<equal, whole_equal>},
      OperatorEntry{"Greater", 2, 2, 1, comparison<greater, whole_greater>},
      OperatorEntry{"GreaterOrEqual", 2, 2, 1, comparison<greater_equal, whole_greater_equal>},
      OperatorEntry{"Less", 2, 2, 1, comparison<less, whole_less>},
      OperatorEntry{"LessOrEqual", 2, 2, 1, comparison<less_equal, whole_less_equal>},
      OperatorEntry{"And", 2, 2, 1, connective<multiply>},
      OperatorEntry{"Or", 2, 2, 1, connective<maximum>},
      OperatorEntry{"Xor", 2, 2, 1, connective<differs>},
      OperatorEntry{"Not", 1, 1, 1, negation},
      OperatorEntry{"Where", 3, 3, 1, choose},
      OperatorEntry{"IsNaN", 1, 1, 1, is_nan},
      OperatorEntry{"IsInf", 1, 1, 1, is_infinite},
      OperatorEntry{"Cast", 1, 1, 1, cast},
      OperatorEntry{"CastLike", 2, 2, 1, cast_like},
  };
  return entries;
}

}  // namespace keel::onnx
