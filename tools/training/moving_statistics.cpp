#include "keel/tools/training/moving_statistics.hpp"

#include <algorithm>

#include "keel/tools/training/running_average.hpp"

namespace keel::tools {
namespace {

bool is_average(const NamedParameter& named) {
  return named.path.ends_with("running_mean") || named.path.ends_with("running_variance");
}

}  // namespace

MovingStatistics::MovingStatistics(std::span<const NamedParameter> parameters, double layers_momentum,
                                   std::span<const double> momenta)
    : layers_momentum_(layers_momentum), momenta_(momenta.begin(), momenta.end()) {
  for (const auto& named : parameters) {
    if (!is_average(named)) continue;
    for (float& value : named.parameter->value().data<float>())
      statistics_.push_back({&value, named.path.ends_with("running_variance"), value, value,
                             std::vector<double>(momenta.size(), value)});
  }
}

void MovingStatistics::take_in() {
  ++updates_;
  for (auto& [place, is_variance, initial, before, average] : statistics_) {
    const double batch = before + (*place - before) / layers_momentum_;
    before = *place;
    for (std::size_t i = 0; i < momenta_.size(); ++i) average[i] += momenta_[i] * (batch - average[i]);
  }
}

void MovingStatistics::put(std::size_t index) const {
  for (const auto& statistic : statistics_) *statistic.place = static_cast<float>(statistic.average[index]);
}

void MovingStatistics::put_corrected(std::size_t index) const {
  for (const auto& statistic : statistics_) {
    const double corrected =
        without_initial(statistic.average[index], statistic.initial, momenta_[index], updates_);
    *statistic.place = static_cast<float>(statistic.is_variance ? std::max(corrected, 0.0) : corrected);
  }
}

}  // namespace keel::tools
