#pragma once

#include <span>
#include <stop_token>

#include "keel/tools/runs/study.hpp"

namespace keel::tools {

/// How many times as long training takes as `estimated_seconds` says, here and now, with so many runs side by side:
/// measured by short trainings on `data`, a fraction of a second.
double machine_factor(const DataSet& data, int threads, const std::stop_token& stop);

/// How long jobs take on so many threads, by their costs: those that may stand beside others, shared out; the
/// others one after the other. `factor` is the machine's.
double expected_seconds(std::span<const Job> jobs, int threads, double factor);

/// The jobs that a study will have in all, for their costs alone: as if the lowest learning rates had been chosen.
std::vector<Job> expected_jobs(const Study& study, StudyScale scale);

}  // namespace keel::tools
