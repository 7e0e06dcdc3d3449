#pragma once

#include <span>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct ClippedGradients {
  std::vector<Var> grads;
  Var norm;  ///< before clipping, an f64 scalar
};

/// Scales all gradients alike so that the norm of all their elements together is at most `max_norm` (Pascanu
/// et al. 2013), as PyTorch's clip_grad_norm_ does: by max_norm / (norm + 1e-6), or by 1 if that is more. The
/// norm is summed up in double, and no finite gradient is too large or too small for that. Where one is not
/// finite, nor are the scaled gradients, not a single one of their elements: an update then sees it. Its derivative
/// takes the squares in the gradients' own element type, so that it is not finite where these overflow (in f32 for
/// elements beyond 1.8e19). Throws Error when there are no gradients or `max_norm` is not positive; an infinite one
/// clips nothing and still gives the norm.
ClippedGradients clip_by_norm(std::span<const Var> grads, double max_norm,
                              const SourceLocation& where = SourceLocation::current());

}  // namespace keel
