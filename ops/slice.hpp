#pragma once

#include <cstdint>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The part of `src` from `begin` up to `end`, which is left out, along `axis`; of any element type. Negative
/// numbers count from the back: slice(src, 0, -2, n) are the last two of n. Throws ShapeError when that is
/// empty or reaches outside src.
Var slice(const Var& src, std::int64_t axis, std::int64_t begin, std::int64_t end,
          const SourceLocation& where = SourceLocation::current());

}  // namespace keel
