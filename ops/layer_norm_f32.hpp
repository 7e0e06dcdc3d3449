#pragma once

#include "keel/graph/operator.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// The f32 kernels of layer normalization, by loops: a row's mean needs more digits than f32 holds where it is
// large beside the deviations, and the gradients of gamma and beta are sums over all rows.

/// Binds LayerNormOp.
Kernel layer_norm_forward_f32(double epsilon, const Binding& binding);

/// Binds LayerNormBackwardOp.
Kernel layer_norm_backward_f32(double epsilon, const Binding& binding);

}  // namespace keel

#pragma GCC visibility pop
