#pragma once

#include <array>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

inline constexpr std::array sharpness_arms{"he", "ln", "bn"};
inline constexpr std::array descent_arms{"he", "bn"};

/// The largest eigenvalues at equal loss, the gradient's share in their space, and rate times sharpness and
/// loss along full batch training.
std::vector<Figure> sharpness_figures(std::span<const RunResult> runs);

}  // namespace keel::tools
