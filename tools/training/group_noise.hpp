#pragma once

#include <cstddef>
#include <span>

namespace keel::tools {

/// How much it changes values (N, units), row by row, that each `size` successive rows are normalized by
/// their own mean and variance (GhostBatchNorm's groups) instead of by those of all: the mean of the squared
/// difference over the units that vary. NaN where none does.
double group_noise(std::span<const float> rows, std::size_t units, std::size_t size, double epsilon = 1e-5);

}  // namespace keel::tools
