#pragma once

#include "keel/tools/training/run.hpp"

namespace keel::test {

/// `planted_run` of the study `ghost`.
tools::RunResult planted_ghost_run(const tools::RunSettings& settings, double effect);
/// `counts_for_verdict` of it.
bool ghost_run_counts(const tools::RunSettings& settings);

}  // namespace keel::test
