#include "keel/tools/training/recognized_network.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "keel/graph/tape.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/training_step.hpp"
#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

// A layer's weights, and the arrays of one number a feature that follow them.
struct GuessedLayer {
  Tensor weights;
  std::vector<Tensor> trained;     // bias; gamma, beta
  std::vector<Tensor> statistics;  // mean, variance
};

// In the order in which the forward pass uses them.
std::vector<const Parameter*> used_parameters(const UnknownNetwork& unknown) {
  Tape tape{Mode::inference};
  (void)unknown.model(tape.input({Shape{2, unknown.height * unknown.width}, DType::f32}, "images"));
  std::vector<const Parameter*> result;
  for (const auto& node : tape.program().nodes) {
    for (const auto id : node.inputs) {
      const auto& value = tape.program().values[id];
      const auto* parameter = value.kind == ValueKind::stored ? parameter_of(value.storage) : nullptr;
      if (parameter != nullptr && std::ranges::find(result, parameter) == result.end())
        result.push_back(parameter);
    }
  }
  return result;
}

std::vector<GuessedLayer> layers_of(const UnknownNetwork& unknown) {
  std::vector<GuessedLayer> layers;
  for (const auto* parameter : used_parameters(unknown)) {
    const auto rank = parameter->shape().rank();
    if (parameter->value().dtype() != DType::f32 || (layers.empty() && rank == 1)) return {};
    if (rank == 2 || rank == 4)
      layers.push_back({parameter->value(), {}, {}});
    else if (rank != 1)
      return {};
    else if (parameter->kind() == Parameter::Kind::statistic)
      layers.back().statistics.push_back(parameter->value());
    else
      layers.back().trained.push_back(parameter->value());
  }
  return layers;
}

Tensor transposed(const Tensor& weights) {
  const auto rows = weights.shape()[0];
  const auto columns = weights.shape()[1];
  Tensor result{Shape{columns, rows}};
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t k = 0; k < columns; ++k) result.at<float>(k, i) = weights.at<float>(i, k);
  return result;
}

bool has_operator(const UnknownNetwork& unknown, std::string_view name) {
  return std::ranges::find(unknown.operators, name) != unknown.operators.end();
}

Activation guessed_activation(const UnknownNetwork& unknown) {
  if (has_operator(unknown, "Tanh")) return Activation::tanh;
  if (has_operator(unknown, "Gelu") || has_operator(unknown, "Erf")) return Activation::gelu;
  return has_operator(unknown, "Sigmoid") ? Activation::sigmoid : Activation::relu;
}

// By the paths that a Network has; none where the arrays are not those of such layers.
struct GuessedNetwork {
  NetworkDescription description;
  std::map<std::string, Tensor> values;
};

bool enter_layer(GuessedNetwork& guess, const std::string& name, const std::string& norm,
                 const GuessedLayer& layer) {
  auto& values = guess.values;
  values[name + ".weights"] = layer.weights;
  auto rest = std::span{layer.trained};
  const bool normalized = !norm.empty() && guess.description.norm == Norm::batch;
  const std::size_t of_norm = normalized ? 2 : 0;
  if (rest.size() > of_norm + 1 || rest.size() < of_norm || layer.statistics.size() != of_norm) return false;
  if (rest.size() > of_norm) {
    values[name + ".bias"] = rest.front();
    if (normalized) guess.description.bias_before_norm = true;
    rest = rest.subspan(1);
  }
  if (!normalized) return true;
  values[norm + ".gamma"] = rest[0], values[norm + ".beta"] = rest[1];
  values[norm + ".running_mean"] = layer.statistics[0],
                values[norm + ".running_variance"] = layer.statistics[1];
  return true;
}

std::optional<GuessedNetwork> guess_network(const UnknownNetwork& unknown, std::vector<GuessedLayer> layers) {
  GuessedNetwork guess{
      .description = {.height = unknown.height,
                      .width = unknown.width,
                      .hidden = {},
                      .classes = unknown.classes,
                      .norm = has_operator(unknown, "BatchNormalization") ? Norm::batch : Norm::none,
                      .activation = guessed_activation(unknown)},
      .values = {}};
  auto& network = guess.description;
  std::size_t number = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool image = layers[i].weights.shape().rank() == 4;
    const bool last = i + 1 == layers.size();
    if (image && (last || !network.hidden.empty())) return std::nullopt;
    const auto features = layers[i].weights.shape()[0];
    if (image)
      network.channels.push_back(features);
    else if (!last)
      network.hidden.push_back(features);
    ++number;
    const auto place = image ? number : number - network.channels.size();
    if (!enter_layer(guess, (image ? "conv" : "fc") + std::to_string(place),
                     last ? "" : "bn" + std::to_string(number), layers[i]))
      return std::nullopt;
  }
  return guess;
}

// The network with these values, all of which must have a place; zeros where it has others.
std::unique_ptr<Network> built_network(const GuessedNetwork& guess) {
  auto network = std::make_unique<Network>(options_of(guess.description));
  const auto all = parameters(*network);
  std::size_t found = 0;
  for (const auto& [path, parameter] : all) {
    const auto value = guess.values.find(path);
    if (value == guess.values.end()) continue;
    if (value->second.shape() != parameter->shape() || value->second.dtype() != DType::f32) return nullptr;
    ++found;
  }
  if (found != guess.values.size()) return nullptr;
  detail::allocate(all, DType::f32);
  for (const auto& [path, parameter] : all)
    if (const auto value = guess.values.find(path); value != guess.values.end())
      parameter->set_value(value->second);
  return network;
}

std::vector<float> logits_on(const Evaluator::Model& model, const Tensor& images) {
  auto copy = model;
  Inference infer{copy};
  const Tensor logits = infer(images);
  const auto data = logits.data<float>();
  return {data.begin(), data.end()};
}

bool computes_the_same(const Evaluator::Model& a, const Evaluator::Model& b, std::int64_t pixels) {
  Tensor images{Shape{8, pixels}};
  Rng random{1};
  for (auto& pixel : images.data<float>()) pixel = static_cast<float>(random.uniform(-1.0, 1.0));
  const auto expected = logits_on(a, images);
  const auto actual = logits_on(b, images);
  double largest = 1.0;
  for (const double logit : expected) largest = std::max(largest, std::abs(logit));
  const auto near = [&](float x, float y) { return std::abs(static_cast<double>(x) - y) <= 1e-4 * largest; };
  return std::ranges::equal(expected, actual, near);
}

}  // namespace

std::optional<LabelledNetwork> recognize(const UnknownNetwork& unknown) {
  auto layers = layers_of(unknown);
  // Weights of linear layers may be stored either way.
  for (const bool turned : {false, true}) {
    if (turned) {
      for (auto& layer : layers)
        if (layer.weights.shape().rank() == 2) layer.weights = transposed(layer.weights);
    }
    const auto guess = layers.empty() ? std::nullopt : guess_network(unknown, layers);
    if (!guess) return std::nullopt;
    try {
      auto network = built_network(*guess);
      const auto apply = [&](const Var& images) { return (*network)(images); };
      if (!network || !computes_the_same(unknown.model, apply, unknown.height * unknown.width)) continue;
      LabelledNetwork result{.label = {.network = guess->description, .class_names = {}},
                             .network = std::move(network)};
      for (std::int64_t i = 0; i < unknown.classes; ++i)
        result.label.class_names.push_back(std::to_string(i));
      return result;
    } catch (const Error&) {
      continue;  // no network of such shapes
    }
  }
  return std::nullopt;
}

}  // namespace keel::tools
