#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

// What `keel study regularization` shows of its runs.

inline constexpr std::array regularization_arms{"plain", "weight-decay", "dropout", "ln", "bn", "bn+dropout"};

std::string regularization_label(const std::string& model);

/// Of the test images, in per cent; NaN of a run whose loss was not finite.
double regularization_accuracy(const RunResult& run);

std::vector<Figure> regularization_figures(std::span<const RunResult> runs);
/// Each arm with the settings that were chosen for it and its test accuracy.
Table regularization_table(std::span<const RunResult> runs);

}  // namespace keel::tools
