#include "keel/tools/training/loss_surface.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "keel/graph/gradients.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

std::vector<NamedParameter> moved_parameters(std::span<const NamedParameter> parameters, LossSurface::Of of) {
  std::vector<NamedParameter> result;
  for (const auto& named : parameters) {
    const auto& parameter = *named.parameter;
    if (parameter.kind() != Parameter::Kind::trained || parameter.frozen()) continue;
    if (of == LossSurface::Of::all || parameter.shape().rank() >= 2) result.push_back(named);
  }
  return result;
}

void append_elements(const Tensor& tensor, std::vector<double>& elements) {
  const auto add = [&](auto from) { elements.insert(elements.end(), from.begin(), from.end()); };
  if (tensor.dtype() == DType::f64)
    add(tensor.data<double>());
  else
    add(tensor.data<float>());
}

}  // namespace

LossSurface::LossSurface(Network& network, Of of)
    : parameters_(parameters(network)),
      moved_(moved_parameters(parameters_, of)),
      function_(Mode::training, [&network, moved = moved_](Tape& tape, std::span<const Var> inputs) {
        std::vector<Var> wrt;
        for (const auto& [path, parameter] : moved) wrt.push_back(tape.stored(parameter->value(), path));
        const Var loss = cross_entropy(network(inputs[0]), inputs[1]);
        auto results = gradients(loss, wrt);
        results.push_back(loss);
        return results;
      }) {}

LossSurface::Place LossSurface::look(const Tensor& images, const Tensor& labels) {
  const StatisticsGuard guard{parameters_};
  const Plan& plan = function_(std::array{images, labels});
  Place place{};
  for (std::size_t i = 0; i < moved_.size(); ++i) append_elements(plan.output(i), place.gradient);
  std::vector<double> loss;
  append_elements(plan.output(moved_.size()), loss);
  place.loss = loss[0];
  return place;
}

std::vector<double> LossSurface::weights() const {
  std::vector<double> all;
  for (const auto& named : moved_) append_elements(named.parameter->value(), all);
  return all;
}

void LossSurface::set_weights(std::span<const double> weights) const {
  std::size_t size = 0;
  for (const auto& named : moved_) size += static_cast<std::size_t>(named.parameter->shape().elements());
  if (weights.size() != size)
    throw Error{fmt::format("a network of {} weights was given {}", size, weights.size())};
  for (const auto& named : moved_) {
    Tensor values = named.parameter->value();
    const auto count = static_cast<std::size_t>(values.shape().elements());
    const auto copy = [&](auto to) {
      using Float = typename decltype(to)::value_type;
      for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<Float>(weights[i]);
    };
    if (values.dtype() == DType::f64)
      copy(values.data<double>());
    else
      copy(values.data<float>());
    weights = weights.subspan(count);
  }
}

double length(std::span<const double> vector) {
  double sum = 0.0;
  for (const double element : vector) sum += element * element;
  return std::sqrt(sum);
}

double distance(std::span<const double> from, std::span<const double> to) {
  double sum = 0.0;
  for (std::size_t i = 0; i < from.size(); ++i) sum += (to[i] - from[i]) * (to[i] - from[i]);
  return std::sqrt(sum);
}

std::vector<double> moved(std::span<const double> from, double factor, std::span<const double> direction) {
  std::vector<double> result{from.begin(), from.end()};
  for (std::size_t i = 0; i < result.size(); ++i) result[i] += factor * direction[i];
  return result;
}

}  // namespace keel::tools
