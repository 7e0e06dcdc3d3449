#pragma once

#include <span>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

// What a reader asks of runs before believing their results. Each table is without rows where there is
// nothing to say, and ends after `most_arms`, beyond which nobody reads and a file made to keep the report
// waiting would.

inline constexpr std::size_t most_arms = 200;

/// What was trained, a row for arms with the same settings: hidden layers, optimizer, learning rates, batch
/// sizes, epochs, what else was varied, and how many runs.
Table training_table(std::span<const RunResult> runs);

/// Which learning rates were tried for each arm, on seeds of their own, with what accuracy, and which one its
/// judged runs have.
Table rates_table(std::span<const RunResult> runs);

/// Of each arm the worst of each measure named "health_...", over all its judged runs, and how far repeats in
/// double precision come out from the runs that they repeat.
Table health_table(std::span<const RunResult> runs);

}  // namespace keel::tools
