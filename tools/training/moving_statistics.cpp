#include "keel/tools/training/moving_statistics.hpp"

#include <cmath>

#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

bool is_average(const NamedParameter& named) {
  return named.path.ends_with("running_mean") || named.path.ends_with("running_variance");
}

}  // namespace

double without_initial(double running, double initial, double momentum, std::int64_t updates) {
  if (updates < 1) throw Error{"a moving average that no batch has changed has only its initial value"};
  const double left = std::pow(1.0 - momentum, static_cast<double>(updates));
  return (running - left * initial) / (1.0 - left);
}

MovingStatistics::MovingStatistics(std::span<const NamedParameter> parameters, double layers_momentum,
                                   std::span<const double> momenta)
    : layers_momentum_(layers_momentum), momenta_(momenta.begin(), momenta.end()) {
  for (const auto& named : parameters) {
    if (!is_average(named)) continue;
    for (float& value : named.parameter->value().data<float>())
      statistics_.push_back({&value, value, value, std::vector<double>(momenta.size(), value)});
  }
}

void MovingStatistics::take_in() {
  ++updates_;
  for (auto& [place, initial, before, average] : statistics_) {
    const double batch = before + (*place - before) / layers_momentum_;
    before = *place;
    for (std::size_t i = 0; i < momenta_.size(); ++i) average[i] += momenta_[i] * (batch - average[i]);
  }
}

void MovingStatistics::put(std::size_t index) const {
  for (const auto& statistic : statistics_) *statistic.place = static_cast<float>(statistic.average[index]);
}

void MovingStatistics::put_corrected(std::size_t index) const {
  for (const auto& [place, initial, before, average] : statistics_)
    *place = static_cast<float>(without_initial(average[index], initial, momenta_[index], updates_));
}

}  // namespace keel::tools
