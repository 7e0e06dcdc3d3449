#pragma once

#include "keel/graph/var.hpp"
#include "keel/ops/loss.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// The mean squared error, a scalar: the mean over all elements of (prediction - target)^2, or what else
/// `options` make of these. Any shape, f32 or f64. Throws ShapeError when the shapes differ: broadcasting here,
/// of (N, 1) against (N) for one, would be a mistake.
Var mse(const Var& prediction, const Var& target, const LossOptions& options = {},
        const SourceLocation& where = SourceLocation::current());

}  // namespace keel
