#pragma once

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

/// `negate`.
inline Var operator-(const LocatedVar& src) {
  return negate(src.var, src.where);
}

}  // namespace keel
