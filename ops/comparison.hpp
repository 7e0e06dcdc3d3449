#pragma once

#include "keel/ops/operand.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

// Of two arrays, or an array and a number, element by element, with NumPy's broadcasting, f32 or f64, comparisons
// also of s32. There is no element type for truth: comparisons give 1 where they hold and 0 where they don't, in
// the operands' element type, so that results can be summed, averaged and multiplied, or choose by `where`: the
// accuracy of a classifier is mean(where(equal(argmax(logits), labels), 1, 0)). They have no gradient. As IEEE 754 says, NaN is
// unequal to everything, itself included, and neither greater nor less.

/// 1 where a > b, else 0. Throws Error where both are numbers, as all these functions do.
Var greater(const Operand& a, const Operand& b, const SourceLocation& where = SourceLocation::current());
/// 1 where a >= b, else 0.
Var greater_equal(const Operand& a, const Operand& b,
                  const SourceLocation& where = SourceLocation::current());
/// 1 where a < b, else 0.
Var less(const Operand& a, const Operand& b, const SourceLocation& where = SourceLocation::current());
/// 1 where a <= b, else 0.
Var less_equal(const Operand& a, const Operand& b, const SourceLocation& where = SourceLocation::current());
/// 1 where a == b, else 0.
Var equal(const Operand& a, const Operand& b, const SourceLocation& where = SourceLocation::current());
/// 1 where a != b, else 0.
Var not_equal(const Operand& a, const Operand& b, const SourceLocation& where = SourceLocation::current());

/// The smaller one of a and b, NaN where either is. Where both are equal, half of the gradient goes to each, as
/// that of `maximum` does.
Var minimum(const Operand& a, const Operand& b, const SourceLocation& where = SourceLocation::current());

/// a where `condition` is not 0, else b, all three broadcast to one shape. NaN counts as not 0, as in NumPy. The
/// condition is of the element type of a and b, or s32, and has no gradient; a and b get theirs where they were
/// chosen and 0 elsewhere, whatever the other one holds there.
Var where(const Var& condition, const Operand& a, const Operand& b,
          const SourceLocation& where = SourceLocation::current());

}  // namespace keel
