#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The arrays one behind the other along `axis`, of any element type; negative axes count from the back.
/// Throws ShapeError unless all have one element type and, along the other axes, the same extents, and Error
/// when there are none.
Var concatenate(std::span<const Var> srcs, std::int64_t axis,
                const SourceLocation& where = SourceLocation::current());
Var concatenate(std::initializer_list<Var> srcs, std::int64_t axis,
                const SourceLocation& where = SourceLocation::current());

/// The arrays, of one shape, along a new axis that becomes `axis` of the result. Throws as `concatenate` does.
Var stack(std::span<const Var> srcs, std::int64_t axis = 0,
          const SourceLocation& where = SourceLocation::current());
Var stack(std::initializer_list<Var> srcs, std::int64_t axis = 0,
          const SourceLocation& where = SourceLocation::current());

/// `src`, of any element type, `counts` times behind itself along each axis, as numpy.tile: {2, 3} is twice down
/// and three times across. Fewer counts than axes belong to the last ones, more add axes in front. Throws
/// ShapeError when a count is negative.
Var tile(const Var& src, const std::vector<std::int64_t>& counts,
         const SourceLocation& where = SourceLocation::current());
/// Each element `count` times along `axis`, as numpy.repeat: 1, 2 becomes 1, 1, 2, 2.
Var repeat(const Var& src, std::int64_t count, std::int64_t axis,
           const SourceLocation& where = SourceLocation::current());

}  // namespace keel
