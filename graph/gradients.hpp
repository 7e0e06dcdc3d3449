#pragma once

#include <span>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Reverse-mode differentiation: appends the nodes that compute d(loss)/d(value) for each of `wrt` to their
/// tape.
///
/// `loss` must be a scalar (one element). A value that the loss does not depend on gets zeros. Contributions
/// along several paths are added up. Throws Error when an operator on the way has no derivative, or when a
/// parameter was overwritten after a node that read it was recorded, since the derivative would then see the
/// new value.
std::vector<Var> gradients(const Var& loss, std::span<const Var> wrt,
                           const SourceLocation& where = SourceLocation::current());

/// The vector-Jacobian product: the gradients of sum(output_grads[i] * outputs[i]) for outputs of any shape.
std::vector<Var> gradients(std::span<const Var> outputs, std::span<const Var> output_grads,
                           std::span<const Var> wrt, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
