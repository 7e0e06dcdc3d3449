#pragma once

#include <span>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The elementwise sum of values of one type (f32 or f64), in the order given. The gradient transform adds
/// the contributions to a value with it, which is why it lives beside the transform. One value is returned as
/// it is; of none, throws Error.
Var accumulate(std::span<const Var> terms, const SourceLocation& where = SourceLocation::current());

}  // namespace keel

#pragma GCC visibility pop
