#pragma once

#include <string>
#include <vector>

#include "keel/tools/runs/study.hpp"

namespace keel::tools {

// What the studies' lists of runs are made with.

/// The seeds of a study.
std::vector<std::uint64_t> seeds_of(const StudyScale& scale);

/// Settings of the run of one arm: learning rate 0.01, momentum 0.9, batch 64 and one hidden layer of 128, as
/// in the seed experiment, until the study says otherwise.
RunSettings settings_for(const Study& study, const StudyScale& scale, const std::string& model,
                         std::uint64_t seed);

/// Training images of a run.
std::int64_t training_images(const StudyScale& scale, const RunSettings& settings);
std::int64_t steps_per_epoch(const StudyScale& scale, const RunSettings& settings);

/// Seconds that a training step takes on a machine like those of 2025, roughly.
double estimated_step_seconds(const StudyScale& scale, const RunSettings& settings);
/// Seconds that a run takes there: `Job::cost`.
double estimated_seconds(const StudyScale& scale, const RunSettings& settings);

/// A job whose cost is the estimate.
template <class Run>
Job job_for(const StudyScale& scale, const RunSettings& settings, Run run) {
  return {.settings = settings, .cost = estimated_seconds(scale, settings), .run = std::move(run)};
}

}  // namespace keel::tools
