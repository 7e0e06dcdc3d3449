#pragma once

#include <cstdint>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// dst = gamma * (src - mean) / sqrt(variance + epsilon) + beta with the mean and the (biased) variance of each
/// sample's own groups of neighbouring channels (Wu and He 2018): src (N, C, ...) to the same; gamma and beta
/// (C), both undefined for 1 and 0. The same in training and inference. f32 and f64. Throws ShapeError otherwise,
/// when the channels don't divide into `groups`, or a group has only one value: of one there is no variance.
Var group_norm(const Var& src, std::int64_t groups, const Var& gamma = {}, const Var& beta = {},
               double epsilon = 1e-5, const SourceLocation& where = SourceLocation::current());

/// Group norm with each channel as its own group (Ulyanov, Vedaldi and Lempitsky 2016).
Var instance_norm(const Var& src, const Var& gamma = {}, const Var& beta = {}, double epsilon = 1e-5,
                  const SourceLocation& where = SourceLocation::current());

}  // namespace keel
