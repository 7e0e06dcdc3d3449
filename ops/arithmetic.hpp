#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

// Functions of two arrays, element by element, with NumPy's broadcasting, both f32 or both f64. The gradient
// of an operand that was stretched is summed over the axes along which it was.

/// a + b.
Var add(const Var& a, const Var& b, const SourceLocation& where = SourceLocation::current());
/// a - b.
Var subtract(const Var& a, const Var& b, const SourceLocation& where = SourceLocation::current());
/// a * b, element by element.
Var multiply(const Var& a, const Var& b, const SourceLocation& where = SourceLocation::current());
/// a / b by IEEE 754: a division of zero by zero is NaN, of anything else by zero infinite.
Var divide(const Var& a, const Var& b, const SourceLocation& where = SourceLocation::current());
/// The larger one of a and b. Where both are equal, half of the gradient goes to each, as in PyTorch's
/// torch.maximum. Where either is NaN, so is the result, and so are both gradients.
Var maximum(const Var& a, const Var& b, const SourceLocation& where = SourceLocation::current());

// The same as C++ operators, which errors name by the line of the expression. A plain number is rounded to
// the other operand's element type and becomes a stored scalar on its tape.
Var operator+(const LocatedVar& a, const Var& b);
Var operator+(const LocatedVar& a, double b);
Var operator+(double a, const LocatedVar& b);
Var operator-(const LocatedVar& a, const Var& b);
Var operator-(const LocatedVar& a, double b);
Var operator-(double a, const LocatedVar& b);
Var operator*(const LocatedVar& a, const Var& b);
Var operator*(const LocatedVar& a, double b);
Var operator*(double a, const LocatedVar& b);
Var operator/(const LocatedVar& a, const Var& b);
Var operator/(const LocatedVar& a, double b);
Var operator/(double a, const LocatedVar& b);

}  // namespace keel
