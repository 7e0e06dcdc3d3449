#pragma once

#include "keel/graph/crowding.hpp"
#include "keel/graph/operator.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// What a kernel takes on one thread, at rough figures for a processor of today.
Crowding::Duration estimated_time(const Cost& cost);

/// Whether a kernel is worth more than one thread. Starting and joining threads costs about a microsecond, and
/// much more when other programs want the processors: below three microseconds of work on one thread it does
/// not pay, nor below six of what moves memory and calculates little.
bool is_worth_threads(const Cost& cost);

}  // namespace keel

#pragma GCC visibility pop
