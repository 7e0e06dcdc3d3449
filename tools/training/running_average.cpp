#include "keel/tools/training/running_average.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

constexpr std::string_view mean_name = ".running_mean";
constexpr std::string_view variance_name = ".running_variance";

}  // namespace

double without_initial(double running, double initial, double momentum, std::int64_t updates) {
  if (updates < 1) throw Error{"a moving average that no batch has changed has only its initial value"};
  const double left = std::pow(1.0 - momentum, static_cast<double>(updates));
  return (running - left * initial) / (1.0 - left);
}

void correct_running_averages(Network& network, double momentum) {
  std::map<std::string, std::span<float>> values;
  for (const auto& [path, parameter] : parameters(network)) values[path] = parameter->value().data<float>();
  for (const auto& [path, average] : values) {
    if (!path.ends_with(mean_name)) continue;
    const auto layer = path.substr(0, path.size() - mean_name.size());
    const auto updates = static_cast<std::int64_t>(values.at(layer + ".updates")[0]);
    if (updates == 0) continue;
    for (auto& mean : average) mean = static_cast<float>(without_initial(mean, 0.0, momentum, updates));
    for (auto& variance : values.at(layer + std::string{variance_name}))
      variance = std::max(static_cast<float>(without_initial(variance, 1.0, momentum, updates)), 0.0F);
  }
}

}  // namespace keel::tools
