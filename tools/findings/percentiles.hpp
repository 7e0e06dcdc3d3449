#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace keel::tools {

/// Percentiles of one unit's values over a set of samples, interpolated between its order statistics.
struct Percentiles {
  double p15;
  double p50;
  double p85;
};

/// The values of a layer's units over a set of samples.
class UnitValues {
 public:
  /// Adds samples (N, units), row by row.
  void add(std::span<const float> rows, std::size_t units);
  /// One for each unit. There must be samples.
  [[nodiscard]] std::vector<Percentiles> percentiles() const;

 private:
  std::vector<std::vector<float>> values_;  // by unit
};

/// The percentile `share` (0 to 1) of sorted values.
double percentile(std::span<const float> sorted, double share);

/// How far the units' medians move from one look to the next, over the distance of their outer percentiles:
/// for each unit the mean movement over the mean distance, then the mean over the units. A unit whose values
/// do not differ is left out. `looks`: by look, by unit. NaN for less than two looks.
double drift(std::span<const std::vector<Percentiles>> looks);

}  // namespace keel::tools
