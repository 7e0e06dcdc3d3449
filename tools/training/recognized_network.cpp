#include "keel/tools/training/recognized_network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "keel/graph/tape.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/training_step.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/training/network_chain.hpp"

namespace keel::tools {
namespace {

std::vector<ChainLayer> layers_of(const UnknownNetwork& unknown) {
  Tape tape{Mode::inference};
  const Var images = tape.input({Shape{unknown.batch, unknown.height * unknown.width}, DType::f32}, "images");
  return read_chain(images, unknown.model(images));
}

bool is_convolution(const ChainLayer& layer) {
  return layer.weights.shape().rank() == 4;
}

// Convolutions with pooling first, and an activation behind each layer but the last.
void require_order(const std::vector<ChainLayer>& layers) {
  bool linear_before = false;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto& layer = layers[i];
    const bool last = i + 1 == layers.size();
    if (is_convolution(layer) && (linear_before || last || !layer.pooled))
      throw Error{"has a convolution without pooling of 2 x 2 behind it, or behind a linear layer"};
    if (!last && !layer.activation) throw Error{"has a layer without an activation behind it"};
    if (last && (layer.activation || layer.norm != Norm::none))
      throw Error{"has an activation or a norm behind its last layer"};
    linear_before = linear_before || !is_convolution(layer);
  }
}

// Layer norm of images is group norm of one group.
Norm chain_norm(const std::vector<ChainLayer>& layers) {
  Norm norm = Norm::none;
  bool one_group = true;
  for (const auto& layer : layers) {
    if (layer.norm == Norm::none) continue;
    if (norm != Norm::layer) norm = layer.norm;
    one_group = one_group && is_convolution(layer) && layer.groups == 1;
  }
  return norm == Norm::group && one_group ? Norm::layer : norm;
}

void require_one_norm(const std::vector<ChainLayer>& layers, Norm norm) {
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
    const auto& layer = layers[i];
    const auto wanted = norm == Norm::layer && is_convolution(layer) ? Norm::group : norm;
    if (layer.norm != wanted || layer.activation != layers[0].activation)
      throw Error{"has layers with different norms or activations behind them"};
    const auto features = layer.weights.shape()[0];
    const auto groups = norm == Norm::layer ? 1 : groups_of(features);
    if (layer.norm == Norm::group && layer.groups != groups) {
      throw Error{fmt::format("has a group norm of {} groups of {} features, where keel train makes {}",
                              layer.groups, features, groups)};
    }
  }
}

// By the paths that a Network has.
using NetworkValues = std::map<std::string, Tensor>;

void enter_layer(NetworkValues& values, const std::string& name, const std::string& norm,
                 const ChainLayer& layer) {
  values[name + ".weights"] = layer.weights;
  if (layer.bias) values[name + ".bias"] = *layer.bias;
  constexpr std::array names{".gamma", ".beta", ".running_mean", ".running_variance"};
  for (std::size_t i = 0; i < layer.scale.size(); ++i) values[norm + names.at(i)] = layer.scale[i];
}

NetworkDescription description_of(const UnknownNetwork& unknown, const std::vector<ChainLayer>& layers) {
  require_order(layers);
  NetworkDescription network{.height = unknown.height,
                             .width = unknown.width,
                             .hidden = {},
                             .classes = unknown.classes,
                             .norm = chain_norm(layers),
                             .activation = layers[0].activation.value_or(Activation::relu)};
  require_one_norm(layers, network.norm);
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
    const auto features = layers[i].weights.shape()[0];
    (is_convolution(layers[i]) ? network.channels : network.hidden).push_back(features);
    if (network.norm == Norm::batch && layers[i].bias) network.bias_before_norm = true;
  }
  return network;
}

NetworkValues values_of(const NetworkDescription& network, const std::vector<ChainLayer>& layers) {
  const std::string norm = network.norm == Norm::layer ? "ln" : network.norm == Norm::group ? "gn" : "bn";
  NetworkValues values;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool image = is_convolution(layers[i]);
    const auto place = image ? i + 1 : i + 1 - network.channels.size();
    enter_layer(values, (image ? "conv" : "fc") + std::to_string(place), norm + std::to_string(i + 1),
                layers[i]);
  }
  return values;
}

// The network with these values, all of which must have a place; zeros where it has others.
std::unique_ptr<Network> built_network(const NetworkDescription& description, const NetworkValues& values) {
  auto network = std::make_unique<Network>(options_of(description));
  const auto all = parameters(*network);
  std::size_t found = 0;
  for (const auto& [path, parameter] : all) {
    const auto value = values.find(path);
    if (value == values.end()) continue;
    if (value->second.shape() != parameter->shape())
      throw Error{"has arrays of other shapes than such a network"};
    ++found;
  }
  if (found != values.size()) throw Error{"has arrays that such a network has not"};
  detail::allocate(all, DType::f32);
  for (const auto& [path, parameter] : all)
    if (const auto value = values.find(path); value != values.end()) parameter->set_value(value->second);
  return network;
}

std::vector<float> logits_on(const Evaluator::Model& model, const Tensor& images) {
  auto copy = model;
  Inference infer{copy};
  const Tensor logits = infer(images);
  const auto data = logits.data<float>();
  return {data.begin(), data.end()};
}

// On images of this size.
bool computes_the_same(const UnknownNetwork& unknown, const Evaluator::Model& other, double size) {
  Tensor images{Shape{unknown.batch, unknown.height * unknown.width}};
  Rng random{1};
  for (auto& pixel : images.data<float>()) pixel = static_cast<float>(random.uniform(-size, size));
  const auto expected = logits_on(unknown.model, images);
  const auto actual = logits_on(other, images);
  double largest = 1.0;
  for (const double logit : expected) largest = std::max(largest, std::abs(logit));
  const auto near = [&](float x, float y) { return std::abs(static_cast<double>(x) - y) <= 1e-4 * largest; };
  return std::ranges::equal(expected, actual, near);
}

}  // namespace

LabelledNetwork recognize(const UnknownNetwork& unknown) {
  const auto layers = layers_of(unknown);
  const auto description = description_of(unknown, layers);
  auto network = built_network(description, values_of(description, layers));
  const auto apply = [&](const Var& images) { return (*network)(images); };
  for (const double size : {1.0, 100.0})
    if (!computes_the_same(unknown, apply, size)) throw Error{"computes something else than such a network"};
  LabelledNetwork result{.label = {.network = description, .class_names = {}}, .network = std::move(network)};
  for (std::int64_t i = 0; i < unknown.classes; ++i) result.label.class_names.push_back(std::to_string(i));
  return result;
}

}  // namespace keel::tools
