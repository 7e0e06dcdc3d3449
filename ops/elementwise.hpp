#pragma once

#include <optional>

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

// Functions of one array, element by element: any shape, f32 or f64. NaN gives NaN. In f32 the results for all
// 2^32 inputs are as close to the exact ones as is said here, in units in the last place. Below 2^-126 these
// are units of 2^-149: denormal results are as good. Infinities and the signs of zeros are exact.

/// -src, exactly.
Var negate(const Var& src, const SourceLocation& where = SourceLocation::current());
/// e to the power of src, to 1.03 units.
Var exp(const Var& src, const SourceLocation& where = SourceLocation::current());
/// The natural logarithm, to 0.85 units, so exact at 1: -infinity for 0, NaN below.
Var log(const Var& src, const SourceLocation& where = SourceLocation::current());
/// The square root, correctly rounded: NaN below 0. Its gradient is infinite at 0.
Var sqrt(const Var& src, const SourceLocation& where = SourceLocation::current());
/// src * src, correctly rounded.
Var square(const Var& src, const SourceLocation& where = SourceLocation::current());

/// src where src > 0, else slope * src, to 1.5 units, since the slope is rounded as well. The gradient at 0 is
/// the slope, as in PyTorch. Throws Error when the slope is negative or not finite: backward works from the
/// result, whose sign must be src's.
Var leaky_relu(const Var& src, double slope = 0.01, const SourceLocation& where = SourceLocation::current());
/// 1 / (1 + exp(-src)), without overflow, to 2.41 units.
Var sigmoid(const Var& src, const SourceLocation& where = SourceLocation::current());
/// The hyperbolic tangent, to 2.5 units.
Var tanh(const Var& src, const SourceLocation& where = SourceLocation::current());
/// src times the normal distribution's cumulative function of it, (1 + erf(src / sqrt 2)) / 2 (Hendrycks and
/// Gimpel 2016): the exact form, PyTorch's default, to 2.87 units also where it is tiny. NaN at -infinity, as
/// there, and its gradient at either infinity.
Var gelu(const Var& src, const SourceLocation& where = SourceLocation::current());

/// log(1 + src), to 2.47 units, so exact at 0: -infinity for -1, NaN below.
Var log1p(const Var& src, const SourceLocation& where = SourceLocation::current());
/// e to the power of src, minus 1, to 1.74 units, so exact at 0.
Var expm1(const Var& src, const SourceLocation& where = SourceLocation::current());
/// log(1 + exp(src)), without overflow: src itself where that is large. To 2.81 units.
Var softplus(const Var& src, const SourceLocation& where = SourceLocation::current());
/// src * sigmoid(src), to 3.4 units. NaN at -infinity, as in PyTorch, and its gradient at either infinity.
Var silu(const Var& src, const SourceLocation& where = SourceLocation::current());
/// src where src > 0, else alpha * expm1(src); the gradient at 0 is alpha.
Var elu(const Var& src, double alpha = 1.0, const SourceLocation& where = SourceLocation::current());
/// The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to src, to 1.32 units.
Var erf(const Var& src, const SourceLocation& where = SourceLocation::current());
/// Sine, cosine and tangent of src in radians, however large: to 1.59 units, and the tangent, their quotient, to 4 in
/// a sample of a million numbers. NaN at infinities.
Var sin(const Var& src, const SourceLocation& where = SourceLocation::current());
Var cos(const Var& src, const SourceLocation& where = SourceLocation::current());
Var tan(const Var& src, const SourceLocation& where = SourceLocation::current());
/// 1 / src, correctly rounded.
Var reciprocal(const Var& src, const SourceLocation& where = SourceLocation::current());

/// The absolute value, exactly. Its gradient at 0 is 0.
Var abs(const Var& src, const SourceLocation& where = SourceLocation::current());
/// src within bounds, either of which may be left out, exactly: `upper` where they contradict each other, as in
/// NumPy and PyTorch. The gradient is 1 from one bound to the other, both included, and 0 outside. Throws Error
/// when there is no bound, or when one is NaN.
Var clamp(const Var& src, std::optional<double> lower, std::optional<double> upper = std::nullopt,
          const SourceLocation& where = SourceLocation::current());
/// 1 above 0, -1 below, and 0 at 0. Its gradient is 0, as that of the next three.
Var sign(const Var& src, const SourceLocation& where = SourceLocation::current());
/// The next whole number below, above, or the closest one, the even one of two that are as close.
Var floor(const Var& src, const SourceLocation& where = SourceLocation::current());
Var ceil(const Var& src, const SourceLocation& where = SourceLocation::current());
Var round(const Var& src, const SourceLocation& where = SourceLocation::current());

/// `negate`.
inline Var operator-(const LocatedVar& src) {
  return negate(src.var, src.where);
}

}  // namespace keel
