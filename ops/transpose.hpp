#pragma once

#include "keel/graph/var.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Axis i of the result is axis `permutation[i]` of `src`, of any element type; none reverses the axes, as a
/// matrix's transpose does. Negative axes count from the back. Throws ShapeError when it does not name every
/// axis once.
Var transpose(const Var& src, const Axes& permutation = {},
              const SourceLocation& where = SourceLocation::current());

}  // namespace keel
