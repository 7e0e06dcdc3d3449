#pragma once

#include <span>
#include <vector>

#include "keel/tools/data/corruption.hpp"
#include "keel/tools/findings/figure.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

// What is shown of the study `shift`. A run of batch norm measures the accuracies "KIND_as_trained", by
// strength, and "KIND_recomputed" and "KIND_blended", by strength and, within, by the number of images;
// "strengths" and "images" tell these.

/// Points of accuracy that statistics recomputed from the most images gain under a corruption: the mean over
/// the strengths. NaN if the run does not have it.
double shift_gain(const RunResult& run, Corruption corruption);

std::vector<Figure> shift_figures(std::span<const RunResult> runs);
std::vector<Table> shift_tables(std::span<const RunResult> runs);

}  // namespace keel::tools
