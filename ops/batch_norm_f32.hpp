#pragma once

#include "keel/graph/operator.hpp"
#include "keel/ops/batch_norm_op.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// The f32 kernels of batch normalization, by loops: oneDNN's take their sums in f32, which is off by more
// than a thousandth of the variance for millions of values, or for a mean that is large beside it.

/// Binds BatchNormOp.
Kernel batch_norm_forward_f32(const BatchNormSettings& settings, const Binding& binding);

/// Binds BatchNormBackwardOp.
Kernel batch_norm_backward_f32(const BatchNormSettings& settings, const Binding& binding);

}  // namespace keel

#pragma GCC visibility pop
