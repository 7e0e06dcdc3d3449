#pragma once

#include <cstdint>

#include "keel/graph/var.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The largest element of `src` over `axes`, f32 or f64; axes and result as for `sum`. NaN where there is a
/// NaN among them. The gradient goes to the elements that are the largest, in equal shares, as that of
/// PyTorch's amax does.
Var max(const Var& src, const Axes& axes = {}, bool keep_axes = false,
        const SourceLocation& where = SourceLocation::current());

/// Where along `axis` the largest element of `src` stands, s32, of src's shape without that axis: the first
/// one if there are several, and a NaN counts as largest, both as in NumPy. It has no gradient. Throws
/// ShapeError when there is no such axis.
Var argmax(const Var& src, std::int64_t axis = -1, const SourceLocation& where = SourceLocation::current());

/// The smallest element, and where it stands: as `max` and `argmax`, of NaN as well.
Var min(const Var& src, const Axes& axes = {}, bool keep_axes = false,
        const SourceLocation& where = SourceLocation::current());
Var argmin(const Var& src, std::int64_t axis = -1, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
