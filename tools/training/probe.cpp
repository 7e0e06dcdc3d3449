#include "keel/tools/training/probe.hpp"

#include <array>
#include <cmath>

#include "keel/graph/gradients.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/ops/cross_entropy.hpp"

namespace keel::tools {
namespace {

bool is_weights(const std::string& path) {
  return path.starts_with("fc") && path.ends_with(".weights");
}

}  // namespace

Probe::Probe(Network& network)
    : parameters_(parameters(network)),
      gradients_(Mode::training,
                 [&network](Tape& tape, std::span<const Var> inputs) {
                   std::vector<Var> weights;
                   for (const auto& [path, parameter] : parameters(network))
                     if (is_weights(path)) weights.push_back(tape.stored(parameter->value(), path));
                   return gradients(cross_entropy(network(inputs[0]), inputs[1]), weights);
                 }),
      hidden_(Mode::training, [&network](Tape&, std::span<const Var> inputs) -> std::vector<Var> {
        const auto trace = network.trace(inputs[0]);
        return {trace.before_norm.back(), trace.before_activation.back()};
      }) {}

std::vector<std::span<const float>> Probe::weight_gradients(const Tensor& images, const Tensor& labels) {
  const StatisticsGuard guard{parameters_};
  const Plan& plan = gradients_(std::array{images, labels});
  std::vector<std::span<const float>> result;
  for (std::size_t i = 0; i < plan.output_values().size(); ++i)
    result.emplace_back(plan.output(i).data<float>());
  return result;
}

Probe::Hidden Probe::last_hidden(const Tensor& images) {
  const StatisticsGuard guard{parameters_};
  const Plan& plan = hidden_(std::array{images});
  return {plan.output(0).data<float>(), plan.output(1).data<float>(),
          static_cast<std::size_t>(plan.output(0).shape()[1])};
}

double norm(std::span<const float> values) {
  double sum = 0.0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

double relative_change(std::span<const float> from, std::span<const float> to) {
  double sum = 0.0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const double difference = static_cast<double>(to[i]) - static_cast<double>(from[i]);
    sum += difference * difference;
  }
  return std::sqrt(sum) / norm(from);
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double product = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return product / (norm(a) * norm(b));
}

}  // namespace keel::tools
