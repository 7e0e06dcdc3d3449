#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

// Powers, element by element, f32 or f64, with the special cases of std::pow: anything to the power of 0 is 1,
// also NaN, and so is 1 to any power; a negative number to one that is not whole is NaN. In f32 they are computed
// in double and rounded once.

/// base to the power of `exponent`. The gradient is exponent * base^(exponent - 1), at 0 too: 0 of a square
/// there, 0 everywhere where the exponent is 0.
Var pow(const Var& base, double exponent, const SourceLocation& where = SourceLocation::current());
/// The same of two arrays, with NumPy's broadcasting. The exponent's gradient is base^exponent * log(base): NaN
/// below 0, and 0 where base is 0 and the exponent isn't negative, as in PyTorch.
Var pow(const Var& base, const Var& exponent, const SourceLocation& where = SourceLocation::current());
/// A number to the power of each element.
Var pow(double base, const Var& exponent, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
