#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/findings/sample_interval.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

// What the study `normalizers` and its pictures agree on.

/// The share of validation images classified correctly whose first reaching is waited for.
inline constexpr double normalizers_target = 0.97;

/// The runs of an arm under an optimizer at a rate, "tuned" or "common".
RunFilter normalizers_cell(const std::string& model, const Factor& optimizer, const std::string& rate);

/// The steps that a run took to the target, or those that it was given; NaN of one that failed.
Observation steps_to_target(const RunResult& run);

std::vector<Figure> normalizers_figures(std::span<const RunResult> runs);
std::vector<Table> normalizers_tables(std::span<const RunResult> runs);

}  // namespace keel::tools
