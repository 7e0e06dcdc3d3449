#pragma once

#include "keel/tools/training/run.hpp"

namespace keel::test {

/// `planted_run` of the study `discrepancy`.
tools::RunResult planted_discrepancy_run(const tools::RunSettings& settings, double effect);
/// `counts_for_verdict` of it.
bool discrepancy_run_counts(const tools::RunSettings& settings);

}  // namespace keel::test
