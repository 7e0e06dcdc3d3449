#include "keel/ops/losses.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/ops/arithmetic.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/term.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

Term difference(std::string_view loss, const Var& prediction, const Var& target,
                const SourceLocation& where) {
  require_one_shape(loss, prediction, target, where);
  return Term{prediction, where} - Term{target, where};
}

// -a and the larger of a and b. A NaN in b stays one.
Term negative(const Term& a) {
  return {negate(a.var, a.where), a.where};
}
Term larger(const Term& a, const Term& b) {
  return {maximum(a.var, b.var, b.where), b.where};
}

// `inside` where |d| < width, else `outside`, NaN as well. Each branch is given what stays finite where it is not
// chosen, since that is differentiated too; at the border the straight one has the derivative of both.
Term bent(const Term& d, double width, const auto& inside, const auto& outside) {
  const auto& where = d.where;
  const Term distance{abs(d.var, where), where};
  const Term cut_off{clamp(d.var, -width, width, where), where};
  return {keel::where(less(distance.var, width, where), inside(cut_off).var, outside(distance).var, where),
          where};
}

// As the element type has it, so that both branches meet there; beyond all numbers its largest.
double as_width(double width, DType dtype) {
  return dtype == DType::f32 ? static_cast<float>(std::min<double>(width, std::numeric_limits<float>::max()))
                             : width;
}

// Whether the parabola is narrower than the element type's numbers.
bool is_l1(double beta, DType dtype) {
  return std::isinf(dtype == DType::f32 ? static_cast<float>(1.0 / beta) : 1.0 / beta);
}

}  // namespace

Var l1(const Var& prediction, const Var& target, const LossOptions& options, const SourceLocation& where) {
  const Term d = difference("l1", prediction, target, where);
  return reduced(larger(d, negative(d)).var, options.reduction, where);
}

Var huber(const Var& prediction, const Var& target, const HuberOptions& options,
          const SourceLocation& where) {
  if (!(options.delta > 0.0 && std::isfinite(options.delta))) {
    throw Error{fmt::format("huber at {}: delta must be positive and finite, not {}", describe(where),
                            options.delta)};
  }
  const Term d = difference("huber", prediction, target, where);
  const double delta = as_width(options.delta, prediction.dtype());
  const Term terms = bent(
      d, delta, [](const Term& c) { return c * c * 0.5; },
      [=](const Term& distance) { return (distance + -0.5 * delta) * delta; });
  return reduced(terms.var, options.reduction, where);
}

Var smooth_l1(const Var& prediction, const Var& target, const SmoothL1Options& options,
              const SourceLocation& where) {
  if (!(options.beta >= 0.0 && std::isfinite(options.beta))) {
    throw Error{fmt::format("smooth_l1 at {}: beta must be 0 or positive, and finite, not {}",
                            describe(where), options.beta)};
  }
  const Term d = difference("smooth_l1", prediction, target, where);
  if (is_l1(options.beta, prediction.dtype()))
    return reduced(larger(d, negative(d)).var, options.reduction, where);
  const double beta = as_width(options.beta, prediction.dtype());
  const Term terms = bent(
      d, beta, [=](const Term& c) { return c * (0.5 / beta) * c; },
      [=](const Term& distance) { return distance + -0.5 * beta; });
  return reduced(terms.var, options.reduction, where);
}

}  // namespace keel
