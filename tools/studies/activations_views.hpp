#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

// What the study `activations` shows of its runs.

/// The noise that the study's verdicts on noisy batch norm are of, as a multiple of Santurkar et al.'s.
inline constexpr double judged_noise = 4.0;

/// The runs of "plain", "bn" or, with some noise, "noisy-bn".
RunFilter of_activations_arm(const std::string& model, double noise = 0.0);

/// Drift of what activations get; final validation accuracy in percent.
double activations_drift(const RunResult& run);
double activations_accuracy(const RunResult& run);
/// Over the looks, the mean change of a layer's gradient, and the mean cosine of the angle by which it
/// turned.
RunValue mean_gradient_shift(std::size_t layer);
RunValue mean_gradient_cosine(std::size_t layer);

std::vector<Figure> activations_figures(std::span<const RunResult> runs);
std::vector<Table> activations_tables(std::span<const RunResult> runs);

}  // namespace keel::tools
