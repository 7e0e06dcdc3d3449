#include "keel/tools/training/network.hpp"

#include <fmt/format.h>

#include "keel/ops/elementwise.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

Var activate(Activation activation, const Var& src) {
  switch (activation) {
    case Activation::tanh:
      return tanh(src);
    case Activation::sigmoid:
      return sigmoid(src);
    case Activation::relu:
      break;
  }
  return relu(src);
}

bool has_batch_norm(const NetworkOptions& options) {
  return options.norm == Norm::batch || options.norm == Norm::noisy_batch;
}

Norm norm_of(const std::string& model) {
  if (model == "plain") return Norm::none;
  if (model == "bn") return Norm::batch;
  if (model == "noisy-bn") return Norm::noisy_batch;
  if (model == "ln") return Norm::layer;
  throw Error{fmt::format("there is no network '{}'", model)};
}

}  // namespace

std::string name_of(Activation activation) {
  switch (activation) {
    case Activation::tanh:
      return "tanh";
    case Activation::sigmoid:
      return "sigmoid";
    case Activation::relu:
      break;
  }
  return "relu";
}

Network::Network(const NetworkOptions& options) : activation_(options.activation) {
  std::int64_t inputs = options.inputs;
  LinearOptions linear{.weights = options.weights, .bias_values = options.bias_values};
  for (const auto width : options.hidden) {
    linear.bias = !has_batch_norm(options);
    linears_.emplace_back(inputs, width, linear);
    if (has_batch_norm(options)) batch_norms_.emplace_back(width, options.batch_norm);
    if (options.norm == Norm::noisy_batch) noises_.emplace_back(options.largest_batch, width);
    if (options.norm == Norm::layer) layer_norms_.emplace_back(width);
    if (options.dropout > 0.0) dropouts_.emplace_back(options.dropout);
    inputs = width;
  }
  linear.bias = true;
  linears_.emplace_back(inputs, options.classes, linear);
}

Var Network::normalize(std::size_t layer, const Var& src) const {
  if (layer < layer_norms_.size()) return layer_norms_[layer](src);
  if (layer >= batch_norms_.size()) return src;
  const Var normalized = batch_norms_[layer](src);
  const bool noisy = layer < noises_.size() && src.tape().mode() == Mode::training;
  return noisy ? noises_[layer].apply(normalized) : normalized;
}

Network::Trace Network::trace(const Var& images) const {
  Trace trace;
  Var hidden = images;
  for (std::size_t i = 0; i + 1 < linears_.size(); ++i) {
    trace.before_norm.push_back(linears_[i](hidden));
    trace.before_activation.push_back(normalize(i, trace.before_norm.back()));
    hidden = activate(activation_, trace.before_activation.back());
    if (i < dropouts_.size()) hidden = dropouts_[i](hidden);
  }
  trace.logits = linears_.back()(hidden);
  return trace;
}

void Network::draw_noise(Rng& rng) {
  for (auto& noise : noises_) noise.draw(rng);
}

NetworkOptions network_for(const DataSet& data, const RunSettings& settings) {
  return {.inputs = data.train.height * data.train.width,
          .hidden = settings.hidden,
          .classes = data.classes,
          .norm = norm_of(settings.model),
          .largest_batch = settings.batch_size};
}

}  // namespace keel::tools
