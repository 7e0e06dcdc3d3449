#pragma once

// Made-up results of the studies of starts, decay and curvature.

#include <optional>

#include "keel/tools/training/run.hpp"

namespace keel::test {

/// As `planted_run`, for `signal`, `weight-decay`, `sharpness` and `landscape`; none for a run of another
/// study.
std::optional<tools::RunResult> planted_optimization_run(const tools::RunSettings& settings, double effect);

/// As `counts_for_verdict`, for these studies; none for a run of another.
std::optional<bool> counts_in_optimization(const tools::RunSettings& settings);

}  // namespace keel::test
