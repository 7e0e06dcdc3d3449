#pragma once

#include "keel/graph/operator.hpp"
#include "keel/ops/batch_norm_op.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// The f64 kernels of batch normalization, plain loops that the f32 ones are tested against. The derivation of the
// derivative stands above its loop.

/// Binds BatchNormOp.
Kernel batch_norm_forward_reference(const BatchNormSettings& settings, const Binding& binding);

/// Binds BatchNormBackwardOp.
Kernel batch_norm_backward_reference(const BatchNormSettings& settings, const Binding& binding);

}  // namespace keel

#pragma GCC visibility pop
