#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Records the update of batch norm's running statistics, in place, by those of a batch of `count` values a
/// feature:
///
///   running = (1 - momentum) * running + momentum * batch,
///
/// where the variance, biased in the batch, is made unbiased first (times count / (count - 1)), as in
/// PyTorch. Without a momentum the average is cumulative: the n-th update has weight 1/n, so the running
/// statistics are the plain mean of all updates so far. `updates` counts these, either way.
///
/// The statistics are (C) and `updates` is a scalar of the same type; the running ones and `updates` must be
/// stored. (f32 counts to 2^24; beyond, a cumulative average weighs a batch with 2^-24.) When the plan runs
/// and the batch's statistics are not finite, throws NonFiniteError and leaves everything as it was.
void update_running_statistics(const Var& running_mean, const Var& running_variance, const Var& updates,
                               const Var& mean, const Var& variance, std::optional<double> momentum,
                               std::int64_t count, const SourceLocation& where = SourceLocation::current());

/// The same where it is known only when the plan runs how many values a feature has: `count` is a scalar;
/// infinite where the variance is unbiased already.
void update_running_statistics(const Var& running_mean, const Var& running_variance, const Var& updates,
                               const Var& mean, const Var& variance, std::optional<double> momentum,
                               const Var& count, const SourceLocation& where = SourceLocation::current());

/// Why statistics of which one is not finite, or whose variance `dtype` does not hold, can't be those of a batch
/// norm, and what to do: for errors.
std::string refusal_of_statistics(double mean, double variance, DType dtype);

}  // namespace keel
