#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// dst = max(0, src), any shape, f32 or f64; NaN stays NaN. The gradient at 0 is 0, as in PyTorch.
Var relu(const Var& src, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
