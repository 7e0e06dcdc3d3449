#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

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

}  // namespace keel
