#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/findings/sample_interval.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

// What `keel study convergence` shows of its runs.

inline constexpr std::array convergence_arms{"plain", "he", "ln", "bn"};
/// Per cent of the validation images, from the hardest target on.
inline constexpr std::array convergence_targets{97, 95, 90, 85, 80, 70, 60, 50, 40, 30, 20, 10};

/// The steps until so many per cent of the validation images are classified correctly: of a run that never
/// got there, at least all that it was given; NaN of one that failed.
Observation steps_until(const RunResult& run, std::int64_t percent);

/// What an arm is called: "he" starts a network with sigmoid by Xavier's rule.
std::string convergence_label(const std::string& model, const std::string& network);

std::vector<Figure> convergence_figures(std::span<const RunResult> runs);
/// The rate of each arm and the median of its steps.
Table convergence_table(std::span<const RunResult> runs);

}  // namespace keel::tools
