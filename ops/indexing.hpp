#pragma once

#include <cstdint>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

// Elements by their numbers along an axis, which are s32 and known only when a plan runs: one that is negative or
// too large throws Error there, naming the number, where in `indices` it stands and what there is. A negative
// axis counts from the back; throws ShapeError when there is no such axis. Indices have no gradient.

/// The parts of `src` along `axis` that `indices`, of any shape, name: src's shape with the indices' in the place
/// of that axis. Of a matrix and axis 0 these are rows, as an embedding looks them up. What is named several
/// times gets the sum of their gradients, taken in double.
Var take(const Var& src, const Var& indices, std::int64_t axis = 0,
         const SourceLocation& where = SourceLocation::current());

/// Of each line of `src` along `axis` the elements that the same line of `indices` names, so that the result has
/// the indices' shape: dst[i][j] = src[i][indices[i][j]] along axis 1, as torch.gather. Throws ShapeError unless
/// indices have src's rank and, along the other axes, no larger extents.
Var gather(const Var& src, const Var& indices, std::int64_t axis,
           const SourceLocation& where = SourceLocation::current());

/// `dst` with each element of `src` added to the element of its line that `indices`, of src's shape, names:
/// dst[i][indices[i][j]] += src[i][j] along axis 1, as torch.scatter_add. The terms of an element are added in
/// double, in their order. Throws ShapeError as `gather` does.
Var scatter_add(const Var& dst, const Var& indices, const Var& src, std::int64_t axis,
                const SourceLocation& where = SourceLocation::current());

/// 1 at the place that each element of `indices` names along a last axis of `classes`, else 0, in f32 or f64: the
/// indices' shape and that axis. Throws ShapeError when there are no classes.
Var one_hot(const Var& indices, std::int64_t classes, DType dtype = DType::f32,
            const SourceLocation& where = SourceLocation::current());

}  // namespace keel
