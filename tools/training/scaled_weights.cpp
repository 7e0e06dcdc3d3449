#include "keel/tools/training/scaled_weights.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/tools/training/loss_surface.hpp"
#include "keel/tools/training/probe.hpp"

namespace keel::tools {
namespace {

void scale_values(const Parameter& parameter, double factor) {
  const Tensor& values = parameter.value();
  if (values.dtype() == DType::f64)
    for (auto& value : values.data<double>()) value *= factor;
  else
    for (auto& value : values.data<float>()) value = static_cast<float>(value * factor);
}

double weights_norm(const Parameter& parameter) {
  const auto& values = parameter.value();
  return values.dtype() == DType::f64 ? length(values.data<double>()) : norm(values.data<float>());
}

}  // namespace

ScaledWeights::ScaledWeights(Network& network, std::size_t hidden) {
  const auto last = fmt::format("fc{}.", hidden + 1);
  for (const auto& [path, parameter] : parameters(network)) {
    if (path.starts_with(last))
      last_.push_back(parameter);
    else if (path.starts_with("fc") && path.ends_with(".weights"))
      hidden_.push_back(parameter);
  }
}

void ScaledWeights::freeze_last_layer() const {
  for (auto* parameter : last_) parameter->set_frozen(true);
}

void ScaledWeights::multiply(double factor) const {
  if (factor == 1.0) return;
  for (const auto* parameter : hidden_) scale_values(*parameter, factor);
}

std::vector<double> ScaledWeights::norms() const {
  std::vector<double> result;
  for (const auto* parameter : hidden_) result.push_back(weights_norm(*parameter));
  return result;
}

double ScaledWeights::mean_norm() const {
  double logarithms = 0.0;
  for (const double value : norms()) logarithms += std::log(value) / static_cast<double>(hidden_.size());
  return std::exp(logarithms);
}

void ScaledWeights::set_norms(std::span<const double> norms) const {
  for (std::size_t i = 0; i < hidden_.size(); ++i)
    scale_values(*hidden_[i], norms[i] / weights_norm(*hidden_[i]));
}

}  // namespace keel::tools
