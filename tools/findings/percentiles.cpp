#include "keel/tools/findings/percentiles.hpp"

#include <algorithm>
#include <cmath>

namespace keel::tools {

void UnitValues::add(std::span<const float> rows, std::size_t units) {
  values_.resize(units);
  for (std::size_t i = 0; i < rows.size(); ++i) values_[i % units].push_back(rows[i]);
}

std::vector<Percentiles> UnitValues::percentiles() const {
  std::vector<Percentiles> result;
  for (auto sorted : values_) {
    std::ranges::sort(sorted);
    result.push_back({percentile(sorted, 0.15), percentile(sorted, 0.5), percentile(sorted, 0.85)});
  }
  return result;
}

double percentile(std::span<const float> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, sorted.size() - 1);
  const double part = place - static_cast<double>(below);
  return (1.0 - part) * sorted[below] + part * sorted[above];
}

double drift(std::span<const std::vector<Percentiles>> looks) {
  if (looks.size() < 2) return std::nan("");
  double sum = 0.0;
  double units = 0.0;
  for (std::size_t unit = 0; unit < looks[0].size(); ++unit) {
    double movement = 0.0;
    double distance = 0.0;
    for (std::size_t i = 0; i < looks.size(); ++i) {
      const auto& now = looks[i][unit];
      distance += (now.p85 - now.p15) / static_cast<double>(looks.size());
      if (i > 0)
        movement += std::abs(now.p50 - looks[i - 1][unit].p50) / static_cast<double>(looks.size() - 1);
    }
    if (!(distance > 0.0)) continue;
    sum += movement / distance;
    units += 1.0;
  }
  return sum / units;
}

}  // namespace keel::tools
