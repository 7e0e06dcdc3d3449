#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/runs/health.hpp"

namespace keel::tools {

// What the study `recurrent` shows of its runs.

inline constexpr std::array recurrent_arms{"plain", "bn-shared", "bn-per-step", "ln"};

/// Final validation accuracy in percent.
double recurrent_accuracy(const RunResult& run);
/// An arm's runs at its tuned rate beside their repeats in f64.
std::optional<PrecisionRepeat> recurrent_repeat(std::span<const RunResult> runs, const std::string& model);

std::vector<Figure> recurrent_figures(std::span<const RunResult> runs);
std::vector<Table> recurrent_tables(std::span<const RunResult> runs);

}  // namespace keel::tools
