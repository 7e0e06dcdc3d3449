#pragma once

#include <cstdint>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct CumsumOptions {
  bool exclusive = false;  ///< without the element itself, so that the first sum is 0
  bool reverse = false;    ///< from the back: the last sum is the last element, or 0
};

/// The sums of `src`, f32 or f64, along `axis` up to each element, which is included unless `options` say
/// otherwise: of src's shape. They are taken in double. Throws ShapeError when there is no such axis.
Var cumsum(const Var& src, std::int64_t axis, const CumsumOptions& options = {},
           const SourceLocation& where = SourceLocation::current());

}  // namespace keel
