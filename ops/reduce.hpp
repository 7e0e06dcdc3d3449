#pragma once

#include "keel/graph/var.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The sum of `src` over `axes`, f32 or f64: {0, 2}, {-1} for the last one; none for all, which gives a
/// scalar. The result lacks these axes or, with `keep_axes`, has them with extent 1. Throws ShapeError when
/// an axis is out of range or named twice.
Var sum(const Var& src, const Axes& axes = {}, bool keep_axes = false,
        const SourceLocation& where = SourceLocation::current());

/// The mean of `src` over `axes`, as for `sum`: of all elements where none are named.
Var mean(const Var& src, const Axes& axes = {}, bool keep_axes = false,
         const SourceLocation& where = SourceLocation::current());

/// The product of the elements of `src` over `axes`, as for `sum`: 1 of none. Its derivatives are right where
/// elements are 0.
Var prod(const Var& src, const Axes& axes = {}, bool keep_axes = false,
         const SourceLocation& where = SourceLocation::current());

/// Sums `src` over the axes along which `shape` would have to be stretched to become src's: the adjoint of
/// broadcasting. A src that has that shape already is returned as it is. Throws ShapeError when `shape` does
/// not broadcast to src's.
Var sum_to(const Var& src, const Shape& shape, const SourceLocation& where = SourceLocation::current());

/// `src` stretched to `shape`. Throws ShapeError when it does not broadcast to exactly that.
Var broadcast_to(const Var& src, const Shape& shape, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
