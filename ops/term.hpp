#pragma once

#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/runtime/source_location.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// A value in the expansion of an operator: arithmetic with it records nodes that bear the line of that
/// operator's caller, so that the expansion reads as the formula.
struct Term {
  Var var;
  SourceLocation where;

  /// A scalar to compute with it.
  [[nodiscard]] Term constant(double value) const { return {var.tape().constant(value, var.dtype()), where}; }
  /// Over `axes`, which stay with an extent of 1.
  [[nodiscard]] Term sum(const Axes& axes) const { return {keel::sum(var, axes, true, where), where}; }
  [[nodiscard]] Term mean(const Axes& axes) const { return {keel::mean(var, axes, true, where), where}; }
  [[nodiscard]] Term reshaped(const Shape& shape) const { return {reshape_to(var, shape, where), where}; }
};

inline LocatedVar located(const Term& term) {
  return {term.var, term.where};
}

inline Term operator+(const Term& a, const Term& b) {
  return {located(a) + b.var, a.where};
}
inline Term operator+(const Term& a, double b) {
  return {located(a) + b, a.where};
}
inline Term operator-(const Term& a, const Term& b) {
  return {located(a) - b.var, a.where};
}
inline Term operator-(double a, const Term& b) {
  return {a - located(b), b.where};
}
inline Term operator*(const Term& a, const Term& b) {
  return {located(a) * b.var, a.where};
}
inline Term operator*(const Term& a, double b) {
  return {located(a) * b, a.where};
}
inline Term operator/(const Term& a, const Term& b) {
  return {located(a) / b.var, a.where};
}
inline Term operator/(double a, const Term& b) {
  return {a / located(b), b.where};
}
inline Term square(const Term& a) {
  return {square(a.var, a.where), a.where};
}
inline Term sqrt(const Term& a) {
  return {sqrt(a.var, a.where), a.where};
}
inline Term sigmoid(const Term& a) {
  return {sigmoid(a.var, a.where), a.where};
}
inline Term exp(const Term& a) {
  return {exp(a.var, a.where), a.where};
}

}  // namespace keel

#pragma GCC visibility pop
