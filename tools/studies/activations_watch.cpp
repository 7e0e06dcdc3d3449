#include "keel/tools/studies/activations_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

namespace keel::tools {
namespace {

constexpr std::size_t probe_batches = 10;  // that activations are looked at on
constexpr std::size_t pictured_unit = 0;   // fixed beforehand, so that none is picked

// "fc3.weights" and "bn3.gamma" are of layer 3.
std::size_t layer_of(const std::string& path) {
  const auto digit = path.find_first_of("0123456789");
  std::size_t layer = 0;
  std::from_chars(path.data() + digit, path.data() + path.size(), layer);
  return layer;
}

}  // namespace

LayerValues::LayerValues(Network& network) {
  for (const auto& [path, parameter] : parameters(network)) {
    if (parameter->kind() != Parameter::Kind::trained) continue;
    values_.push_back({layer_of(path), parameter->value()});
    layers_ = std::max(layers_, values_.back().layer);
  }
}

std::vector<Tensor> LayerValues::save() const {
  std::vector<Tensor> copies;
  for (const auto& [layer, value] : values_) copies.push_back(value.clone());
  return copies;
}

void LayerValues::restore(std::span<const Tensor> copies, std::size_t first, std::size_t end) const {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const auto& [layer, value] = values_[i];
    if (layer >= first && layer < end)
      std::copy_n(copies[i].bytes(), copies[i].type().bytes(), value.bytes());
  }
}

std::string gradient_shift_measure(std::size_t layer) {
  return fmt::format("gradient_shift_layer_{}", layer);
}

std::string gradient_cosine_measure(std::size_t layer) {
  return fmt::format("gradient_cosine_layer_{}", layer);
}

ActivationsWatch::ActivationsWatch(Network& network, TrainingLoop& loop, const RunSettings& settings)
    : loop_(loop),
      probe_(network),
      values_(network),
      fixed_(loop.data().train, settings.batch_size),
      size_(static_cast<std::size_t>(settings.batch_size)) {}

void ActivationsWatch::before_step() {
  before_ = gradients();
  values_before_ = values_.save();
}

void ActivationsWatch::after_step(std::int64_t step) {
  loop_.measures()["steps"].push_back(static_cast<double>(step));
  look_at_gradients();
  look_at_activations();
}

void ActivationsWatch::summarize() {
  loop_.measures()["drift"] = {drift(before_activation_)};
  loop_.measures()["drift_before_norm"] = {drift(before_norm_)};
}

void ActivationsWatch::gather(std::size_t chunk) {
  const auto& training = loop_.split().training;
  const auto count = std::min(size_, training.size());
  const auto begin = std::min(chunk * size_, training.size() - count);
  fixed_.gather(std::span{training}.subspan(begin, count));
}

ActivationsWatch::Gradients ActivationsWatch::gradients() {
  gather(0);
  Gradients copies;
  for (const auto gradient : probe_.weight_gradients(fixed_.images(), fixed_.labels()))
    copies.emplace_back(gradient.begin(), gradient.end());
  return copies;
}

// With the layers below as the step left them, and all from `layer` on as they were.
void ActivationsWatch::look_at_gradients() {
  const auto after = values_.save();
  const auto end = values_.layers() + 1;
  for (std::size_t layer = 2; layer < end; ++layer) {
    values_.restore(values_before_, layer, end);
    const auto moved = gradients();
    values_.restore(after, layer, end);
    const auto& [was, is] = std::tie(before_[layer - 1], moved[layer - 1]);
    loop_.measures()[gradient_shift_measure(layer)].push_back(relative_change(was, is));
    loop_.measures()[gradient_cosine_measure(layer)].push_back(cosine(was, is));
  }
}

void ActivationsWatch::look_at_activations() {
  UnitValues before_norm;
  UnitValues before_activation;
  for (std::size_t chunk = 0; chunk < probe_batches; ++chunk) {
    gather(chunk);
    const auto hidden = probe_.last_hidden(fixed_.images());
    before_norm.add(hidden.before_norm, hidden.units);
    before_activation.add(hidden.before_activation, hidden.units);
  }
  before_norm_.push_back(before_norm.percentiles());
  before_activation_.push_back(before_activation.percentiles());
  record("before_norm", before_norm_.back()[pictured_unit]);
  record("before_activation", before_activation_.back()[pictured_unit]);
}

void ActivationsWatch::record(const std::string& place, const Percentiles& unit) {
  auto& measures = loop_.measures();
  measures[place + "_p15"].push_back(unit.p15);
  measures[place + "_p50"].push_back(unit.p50);
  measures[place + "_p85"].push_back(unit.p85);
}

}  // namespace keel::tools
