#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/study.hpp"

namespace keel::tools {

// Arms are compared each at the learning rate that suits it. It is chosen on seeds of its own, which no verdict
// ever sees: a study's `tuning_jobs` train each arm at each rate, and its `jobs` ask for the best.

/// The seeds that rates are chosen on, disjoint from all that are judged: three, or two with `quick`.
std::vector<std::uint64_t> tuning_seeds_of(const StudyScale& scale);

/// For each rate, `settings` as a run that helps to choose it, on each of the tuning seeds.
std::vector<RunSettings> tuning_settings(const StudyScale& scale, const RunSettings& settings,
                                         std::span<const double> rates);

/// The learning rate, among the tuning runs of an arm, with the highest mean of `value` (by default the final
/// validation accuracy) over the seeds; a seed without a finite value counts as nothing, which is 0. Of equals,
/// the lowest. Throws Error when no tuning run passes.
double tuned_rate(std::span<const RunResult> tuning, const RunFilter& filter,
                  const RunValue& value = final_accuracy);

/// Whether a run helps to choose a rate.
bool is_tuning(const RunResult& run);
/// Whether a verdict may rest on a run: it chose no rate, and computed in f32.
bool is_judged(const RunResult& run);

}  // namespace keel::tools
