#pragma once

#include <functional>
#include <span>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

/// What the norm at equilibrium is held against, from a run's settings.
double rate_over_decay(const RunSettings& settings);

/// By seed, over the runs of the part "equilibrium", the slope of the logarithm of the weights' last norm by
/// that of `of`, by least squares; NaN where a run has no norm.
BySeed norm_exponents(std::span<const RunResult> runs, const std::function<double(const RunSettings&)>& of);

/// Losses along training as rescaled, norms at the end by rate over decay, and accuracy with and without
/// decay.
std::vector<Figure> weight_decay_figures(std::span<const RunResult> runs);
/// Exponents of the norm at the end by rate and by decay apart.
std::vector<Table> weight_decay_tables(std::span<const RunResult> runs);

}  // namespace keel::tools
