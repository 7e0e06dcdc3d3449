#include "keel/tools/training/running_average.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace keel::tools {
namespace {

constexpr std::string_view mean_name = ".running_mean";
constexpr std::string_view variance_name = ".running_variance";

// Of a running average whose start still has the weight `left`.
void take_start_out(std::span<float> average, double start, double left) {
  for (auto& value : average)
    value = static_cast<float>((static_cast<double>(value) - left * start) / (1.0 - left));
}

}  // namespace

void correct_running_averages(Network& network, double momentum) {
  std::map<std::string, std::span<float>> values;
  for (const auto& [path, parameter] : parameters(network)) values[path] = parameter->value().data<float>();
  for (const auto& [path, average] : values) {
    if (!path.ends_with(mean_name)) continue;
    const auto layer = path.substr(0, path.size() - mean_name.size());
    const double updates = values.at(layer + ".updates")[0];
    if (updates == 0.0) continue;
    const double left = std::pow(1.0 - momentum, updates);
    take_start_out(average, 0.0, left);
    const auto variance = values.at(layer + std::string{variance_name});
    take_start_out(variance, 1.0, left);
    for (auto& value : variance) value = std::max(value, 0.0F);  // rounded below it, of a constant unit
  }
}

}  // namespace keel::tools
