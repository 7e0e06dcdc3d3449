#pragma once

#include <cstdint>

#include "keel/graph/var.hpp"
#include "keel/ops/axes.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

// The first two work along one axis of a src of rank 1 or more, f32 or f64; a negative axis counts from the back.
// Throws ShapeError when there is no such axis.
//
// A NaN or an infinity above all others makes NaN of all results along the axis. -infinity has probability 0;
// all of them -infinity is NaN.

/// dst = exp(src) / sum(exp(src)) along `axis`, computed without overflow.
Var softmax(const Var& src, std::int64_t axis = -1, const SourceLocation& where = SourceLocation::current());
/// dst = src - log(sum(exp(src))) along `axis`, computed without overflow.
Var log_softmax(const Var& src, std::int64_t axis = -1,
                const SourceLocation& where = SourceLocation::current());

/// log(sum(exp(src))) over `axes`, computed without overflow; axes and result as for `sum`. -infinity of nothing
/// but -infinity, infinity where there is one.
Var log_sum_exp(const Var& src, const Axes& axes = {}, bool keep_axes = false,
                const SourceLocation& where = SourceLocation::current());

}  // namespace keel
