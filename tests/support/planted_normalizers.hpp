#pragma once

#include "keel/tools/training/run.hpp"

namespace keel::test {

/// `planted_run` of the study `normalizers`.
tools::RunResult planted_normalizers_run(const tools::RunSettings& settings, double effect);
/// `counts_for_verdict` of it.
bool normalizers_run_counts(const tools::RunSettings& settings);

}  // namespace keel::test
