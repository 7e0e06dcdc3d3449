#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

// What the study `depth` shows of its runs.

inline constexpr std::array depth_arms{"plain", "bn", "ln", "skip-init"};
/// The cell that the study is judged by, named beforehand.
inline constexpr int judged_depth = 20;

/// The measure that has the gradients' norms, layer by layer, after so many steps.
std::string gradient_norms_measure(std::int64_t step);
/// By how many decades the gradients of the hidden layers' weights differ before the first step, the first
/// layer left out, which alone sees the image. A gradient of exactly 0 counts as the smallest float; NaN
/// where one is not finite.
double gradient_spread(const RunResult& run);
/// Final validation accuracy in percent.
double depth_accuracy(const RunResult& run);

/// The runs of one network of the grid.
RunFilter of_cell(const std::string& model, const Factor& activation, const Factor& depth);

std::vector<Figure> depth_figures(std::span<const RunResult> runs);
std::vector<Table> depth_tables(std::span<const RunResult> runs);

}  // namespace keel::tools
