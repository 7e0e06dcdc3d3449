#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// `src` itself, of any type, through which no gradient flows back: a constant in the eyes of `gradients`. What
/// a loss depends on through it alone is not trained. Costs nothing, as a `reshape` does.
Var stop_gradient(const Var& src, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
