#pragma once

#include <optional>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// dst = gamma * src / sqrt(mean of src^2 + epsilon), the mean being the sample's own over the last axis (Zhang
/// and Sennrich 2019). src of rank 1 or more, its last axis being the features; gamma (features), or undefined
/// for 1. Without an epsilon it is the distance from 1 to the next number of src's element type, as in PyTorch.
/// f32 and f64. Throws ShapeError otherwise.
Var rms_norm(const Var& src, const Var& gamma = {}, std::optional<double> epsilon = {},
             const SourceLocation& where = SourceLocation::current());

}  // namespace keel
