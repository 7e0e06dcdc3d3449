#include "keel/ops/losses.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/ops/arithmetic.hpp"
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

// With c = d, cut off at -delta and delta, both branches are c (d - c / 2): every derivative at d = 0 is right,
// which it would not be from |d|.
Term cut_off(const Term& d, double delta) {
  const Term lowest = d.constant(-delta);
  return larger(lowest, negative(larger(lowest, negative(d))));
}
Term huber_terms(const Term& d, double delta) {
  const Term c = cut_off(d, delta);
  return c * (d - c * 0.5);
}
// c / beta is at most 1, so that the product is in range where the loss is.
Term smooth_l1_terms(const Term& d, double beta) {
  const Term c = cut_off(d, beta);
  return (c * (1.0 / beta)) * (d - c * 0.5);
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
  return reduced(huber_terms(d, options.delta).var, options.reduction, where);
}

Var smooth_l1(const Var& prediction, const Var& target, const SmoothL1Options& options,
              const SourceLocation& where) {
  if (!(options.beta >= 0.0 && std::isfinite(options.beta))) {
    throw Error{fmt::format("smooth_l1 at {}: beta must be 0 or positive, and finite, not {}",
                            describe(where), options.beta)};
  }
  const Term d = difference("smooth_l1", prediction, target, where);
  const Term terms =
      is_l1(options.beta, prediction.dtype()) ? larger(d, negative(d)) : smooth_l1_terms(d, options.beta);
  return reduced(terms.var, options.reduction, where);
}

}  // namespace keel
