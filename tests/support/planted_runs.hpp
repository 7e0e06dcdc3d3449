#pragma once

// Results of studies that were never run, with effects that are known.

#include <functional>
#include <string>
#include <vector>

#include "keel/tools/runs/study.hpp"

namespace keel::test {

/// The result that a run of these settings would leave if what its study claims were true by a clear margin
/// (`effect` 1), did not matter (0), or were the other way round (-1).
tools::RunResult planted_run(const tools::RunSettings& settings, double effect);

/// What a study has judged after its learning rates were chosen by runs with this effect.
std::vector<tools::Job> judged_jobs(const tools::Study& study, tools::StudyScale scale, double effect = 1.0);

/// A run that was trained to this accuracy on all its images, of a network of 1,000 weights.
tools::RunResult planted_training(const tools::RunSettings& settings, double accuracy);

/// One for each judged run of the study, in the order of its jobs.
std::vector<tools::RunResult> planted_runs(const tools::Study& study, double effect, int seeds = 6);

/// The result of a run that threw.
tools::RunResult failed_run(const tools::RunSettings& settings);

/// Whether what the study as a whole is judged by rests on this run.
bool counts_for_verdict(const tools::RunSettings& settings);

/// All studies and the batch study.
std::vector<const tools::Study*> every_study();

/// The verdict on a study as a whole.
std::string verdict_of(const tools::Study& study, std::span<const tools::RunResult> runs);

}  // namespace keel::test
