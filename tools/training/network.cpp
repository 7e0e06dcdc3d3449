#include "keel/tools/training/network.hpp"

#include <fmt/format.h>

#include <numeric>

#include "keel/ops/elementwise.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

Var activate(Activation activation, const Var& src) {
  switch (activation) {
    case Activation::tanh:
      return tanh(src);
    case Activation::sigmoid:
      return sigmoid(src);
    case Activation::gelu:
      return gelu(src);
    case Activation::relu:
      break;
  }
  return relu(src);
}

bool has_batch_norm(const NetworkOptions& options) {
  return options.norm == Norm::batch || options.norm == Norm::noisy_batch;
}

// Of more than one feature each, since one has no variance.
std::int64_t groups_of(std::int64_t features) {
  const auto groups = std::gcd(norm_groups, features);
  return groups == features && groups > 1 ? groups / 2 : groups;
}

std::string norm_name(Norm norm) {
  if (norm == Norm::layer) return "ln";
  return norm == Norm::group ? "gn" : "bn";
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
    case Activation::gelu:
      return "gelu";
    case Activation::relu:
      break;
  }
  return "relu";
}

Network::Network(const NetworkOptions& options)
    : height_(options.height), activation_(options.activation), norm_name_(norm_name(options.norm)) {
  const bool bias = options.bias_before_norm || !has_batch_norm(options);
  std::int64_t inputs = options.inputs;
  std::int64_t channels = 1;
  std::int64_t height = options.height;
  std::int64_t width = options.channels.empty() ? 0 : options.inputs / options.height;
  for (const auto features : options.channels) {
    convolutions_.emplace_back(
        channels, features, 3,
        Conv2dLayerOptions{
            .padding = 1, .bias = bias, .weights = options.weights, .bias_values = options.bias_values});
    add_norm(options, features, true);
    channels = features, height /= 2, width /= 2;
    inputs = channels * height * width;
    if (inputs == 0)
      throw Error{fmt::format("images of {} x {} are too small for {} convolutions with pooling behind each",
                              options.height, options.inputs / options.height, options.channels.size())};
  }
  LinearOptions linear{.bias = bias, .weights = options.weights, .bias_values = options.bias_values};
  for (const auto features : options.hidden) {
    linears_.emplace_back(inputs, features, linear);
    add_norm(options, features, false);
    if (options.norm == Norm::noisy_batch) noises_.emplace_back(options.largest_batch, features);
    if (options.dropout > 0.0) dropouts_.emplace_back(options.dropout);
    inputs = features;
  }
  linear.bias = true;
  linears_.emplace_back(inputs, options.classes, linear);
}

void Network::add_norm(const NetworkOptions& options, std::int64_t features, bool of_images) {
  if (has_batch_norm(options)) norms_.emplace_back(BatchNorm{features, options.batch_norm});
  if (options.norm == Norm::layer && of_images) norms_.emplace_back(GroupNorm{1, features});
  if (options.norm == Norm::layer && !of_images) norms_.emplace_back(LayerNorm{features});
  if (options.norm == Norm::group) norms_.emplace_back(GroupNorm{groups_of(features), features});
}

Var Network::normalize(std::size_t layer, const Var& src) const {
  if (layer >= norms_.size()) return src;
  const Var normalized = std::visit([&](const auto& norm) { return norm(src); }, norms_[layer]);
  const bool noisy = layer < noises_.size() && src.tape().mode() == Mode::training;
  return noisy ? noises_[layer].apply(normalized) : normalized;
}

Var Network::convolve(const Var& images) const {
  if (convolutions_.empty()) return images;
  Var src = reshape(images, {-1, 1, height_, images.shape()[1] / height_});
  for (std::size_t i = 0; i < convolutions_.size(); ++i)
    src = max_pool2d(activate(activation_, normalize(i, convolutions_[i](src))), {.kernel = 2});
  return flatten(src);
}

Network::Trace Network::trace(const Var& images) const {
  Trace trace;
  Var hidden = convolve(images);
  for (std::size_t i = 0; i + 1 < linears_.size(); ++i) {
    trace.before_norm.push_back(linears_[i](hidden));
    trace.before_activation.push_back(normalize(convolutions_.size() + i, trace.before_norm.back()));
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
