#pragma once

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// dst = gamma * (src - mean) / sqrt(variance + epsilon) + beta, mean and (biased) variance being those of
/// the sample itself over the last axis (Ba, Kiros and Hinton 2016). src of rank 2 or more, its last axis
/// being the features; gamma and beta (features). The same in training and inference. f32 and f64. Throws
/// ShapeError otherwise.
Var layer_norm(const Var& src, const Var& gamma, const Var& beta, double epsilon = 1e-5,
               const SourceLocation& where = SourceLocation::current());

}  // namespace keel
