#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

// What the study `discrepancy` and its pictures agree on.

/// Whose statistics a network is evaluated with: those of batches as in training; the moving average, as it
/// is and freed of the values that it started from; those of all training images.
inline constexpr std::array discrepancy_kinds{"batch", "moving", "corrected", "population"};
/// When: after so many steps, and at the end.
inline constexpr std::int64_t discrepancy_early_steps = 20;
enum class DiscrepancyLook : std::uint8_t { early, end };

/// Accuracy in percent with these statistics; NaN of a run that has none.
RunValue discrepancy_accuracy(const std::string& kind, DiscrepancyLook look = DiscrepancyLook::end);

std::vector<Figure> discrepancy_figures(std::span<const RunResult> runs);
std::vector<Table> discrepancy_tables(std::span<const RunResult> runs);

}  // namespace keel::tools
