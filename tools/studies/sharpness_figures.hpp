#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

inline constexpr std::array sharpness_arms{"he", "ln", "bn"};

/// The runs of full batch training: arms with their rates. Batch norm has the common rate, too, and one that
/// suits it.
inline constexpr double bn_descent_rate = 0.4;
inline constexpr std::array<std::pair<const char*, double>, 3> descents{
    {{"he", 0.1}, {"bn", 0.1}, {"bn", bn_descent_rate}}};
RunFilter in_descent(const std::string& model, double rate);

/// The largest eigenvalues at equal loss, the gradient's share in their space, and rate times sharpness and
/// loss along full batch training.
std::vector<Figure> sharpness_figures(std::span<const RunResult> runs);

}  // namespace keel::tools
