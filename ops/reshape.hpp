#pragma once

#include <cstdint>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The elements of `src`, in order, under another shape, of any element type. One extent may be -1: what the
/// others leave. Throws ShapeError when the numbers of elements differ. Costs nothing: a plan lets both share
/// their memory, except where the view is the plan's output or src is a stored value that is updated later.
Var reshape(const Var& src, std::vector<std::int64_t> extents,
            const SourceLocation& where = SourceLocation::current());
/// The same for a shape at hand; a src that has it already is returned as it is.
Var reshape_to(const Var& src, const Shape& shape, const SourceLocation& where = SourceLocation::current());

/// Folds the axes from `first_axis` on into one: (N, C, H, W) becomes (N, C * H * W). Throws ShapeError when
/// there is no such axis.
Var flatten(const Var& src, std::int64_t first_axis = 1,
            const SourceLocation& where = SourceLocation::current());

/// Without those of `axes`, all where none are named, whose extent is 1. Throws ShapeError when one that is named
/// has another extent.
Var squeeze(const Var& src, const Axes& axes = {}, const SourceLocation& where = SourceLocation::current());
/// With a new axis of extent 1 that becomes `axis` of the result, from the back where negative. Throws ShapeError
/// when the result has no such axis.
Var expand_dims(const Var& src, std::int64_t axis, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
