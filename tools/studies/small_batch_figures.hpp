#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

// What the study `small-batch` makes of its runs, whose factors are "size" (of the batch; of "ghost" that of
// the groups) and "rate" ("common" or "tuned").

inline constexpr std::int64_t largest_batch_size = 64;  // what the others are held against
inline constexpr std::int64_t smallest_batch_size = 2;

/// Validation accuracy in percent with moving averages, with population statistics, and with the batch's own.
double accuracy_points(const RunResult& run);
double population_points(const RunResult& run);
double batch_statistics_points(const RunResult& run);

/// Why nothing may rest on arms whose normalization meets next to no variance, if f64 does not confirm them; else empty.
std::string small_batch_doubt(std::span<const RunResult> runs);

/// The runs of an arm at one size and kind of rate.
RunFilter at_size(const std::string& model, std::int64_t size, const std::string& rate);
/// By seed, the accuracy that an arm loses from the largest batch to the smallest.
BySeed small_batch_loss(std::span<const RunResult> runs, const std::string& model, const std::string& rate);

std::vector<Figure> small_batch_figures(std::span<const RunResult> runs);
std::vector<Table> small_batch_tables(std::span<const RunResult> runs);

}  // namespace keel::tools
