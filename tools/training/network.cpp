#include "keel/tools/training/network.hpp"

#include <fmt/format.h>

#include <numeric>

#include "keel/models/freeze.hpp"
#include "keel/ops/arithmetic.hpp"
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

std::string norm_name(Norm norm) {
  if (norm == Norm::layer) return "ln";
  return norm == Norm::group ? "gn" : "bn";
}

Norm norm_of(const std::string& model) {
  if (model == "plain" || model == "he" || model == "skip-init") return Norm::none;
  if (model == "bn" || model == "bn-bare" || model == "bn-after" || model == "ghost") return Norm::batch;
  if (model == "noisy-bn") return Norm::noisy_batch;
  if (model == "ln" || model == "noisy-ln") return Norm::layer;
  if (model == "gn") return Norm::group;
  if (model == "weight-norm") return Norm::weight;
  throw Error{fmt::format("there is no network '{}'", model)};
}

}  // namespace

std::int64_t groups_of(std::int64_t features) {
  const auto groups = std::gcd(norm_groups, features);
  return groups == features && groups > 1 ? groups / 2 : groups;
}

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
    : height_(options.height),
      activation_(options.activation),
      norm_after_activation_(options.norm_after_activation),
      norm_name_(norm_name(options.norm)) {
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
    if (options.norm == Norm::weight) weight_norms_.emplace_back(inputs, features);
    add_norm(options, features, false);
    if (options.norm == Norm::noisy_batch)
      noises_.emplace_back(options.largest_batch, features, options.noise);
    if (options.norm == Norm::layer && options.ghost_size > 0)
      ghost_noises_.emplace_back(options.largest_batch, features, options.ghost_size);
    if (options.dropout > 0.0) dropouts_.emplace_back(options.dropout);
    inputs = features;
  }
  linear.bias = true;
  linears_.emplace_back(inputs, options.classes, linear);
  add_skips(options);
}

void Network::add_skips(const NetworkOptions& options) {
  if (!options.skip_init) return;
  for (std::size_t i = 0; i < options.hidden.size(); ++i) {
    if (options.hidden[i] != options.hidden[0])
      throw Error{fmt::format("a skip needs layers of one width, not of {} and {}", options.hidden[0],
                              options.hidden[i])};
    if (i > 0) skips_.emplace_back(Shape{}, Initializer::constant(0.0));
  }
}

void Network::add_norm(const NetworkOptions& options, std::int64_t features, bool of_images) {
  if (has_batch_norm(options) && options.ghost_size > 0 && !of_images) {
    norms_.emplace_back(GhostBatchNorm{features, options.ghost_size, options.batch_norm});
  } else if (has_batch_norm(options)) {
    BatchNorm batch_norm{features, options.batch_norm};
    if (!options.affine) freeze(batch_norm);
    norms_.emplace_back(std::move(batch_norm));
  }
  if (options.norm == Norm::layer && of_images) norms_.emplace_back(GroupNorm{1, features});
  if (options.norm == Norm::layer && !of_images) norms_.emplace_back(LayerNorm{features});
  if (options.norm == Norm::group) norms_.emplace_back(GroupNorm{groups_of(features), features});
}

Var Network::normalize(std::size_t layer, const Var& src) const {
  if (layer >= norms_.size()) return src;
  Var normalized = std::visit([&](const auto& norm) { return norm(src); }, norms_[layer]);
  if (src.tape().mode() == Mode::inference) return normalized;
  if (layer < noises_.size()) return noises_[layer].apply(normalized);
  return layer < ghost_noises_.size() ? ghost_noises_[layer].apply(normalized) : normalized;
}

Var Network::convolve(const Var& images) const {
  if (convolutions_.empty()) return images;
  Var src = reshape(images, {-1, 1, height_, images.shape()[1] / height_});
  for (std::size_t i = 0; i < convolutions_.size(); ++i)
    src = max_pool2d(activate(activation_, normalize(i, convolutions_[i](src))), {.kernel = 2});
  return flatten(src);
}

Var Network::transform(std::size_t layer, const Var& src) const {
  return layer < weight_norms_.size() ? weight_norms_[layer](src) : linears_[layer](src);
}

// The first layer changes the width, so that it has nothing to add to.
Var Network::skip(std::size_t layer, const Var& src, const Var& dst) const {
  if (layer == 0 || skips_.empty()) return dst;
  return src + skips_[layer - 1].on(src.tape(), "skip") * dst;
}

Network::Trace Network::trace(const Var& images) const {
  Trace trace;
  Var hidden = convolve(images);
  for (std::size_t i = 0; i + 1 < linears_.size(); ++i) {
    const auto norm = convolutions_.size() + i;
    trace.before_norm.push_back(transform(i, hidden));
    trace.before_activation.push_back(norm_after_activation_ ? trace.before_norm.back()
                                                             : normalize(norm, trace.before_norm.back()));
    Var dst = activate(activation_, trace.before_activation.back());
    if (norm_after_activation_) dst = normalize(norm, dst);
    hidden = skip(i, hidden, dst);
    if (i < dropouts_.size()) hidden = dropouts_[i](hidden);
  }
  trace.logits = linears_.back()(hidden);
  return trace;
}

void Network::draw_noise(Rng& rng) {
  for (auto& noise : noises_) noise.draw(rng);
  for (auto& noise : ghost_noises_) noise.draw(rng);
}

NetworkOptions network_for(const DataSet& data, const RunSettings& settings) {
  NetworkOptions options{.inputs = data.train.height * data.train.width,
                         .hidden = settings.hidden,
                         .classes = data.classes,
                         .norm = norm_of(settings.model),
                         .affine = settings.model != "bn-bare",
                         .norm_after_activation = settings.model == "bn-after",
                         .skip_init = settings.model == "skip-init",
                         .largest_batch = settings.batch_size};
  if (settings.model == "he" || settings.model == "skip-init") {
    options.weights = initializers::kaiming_normal();
    options.bias_values = initializers::constant(0.0);
  }
  return options;
}

}  // namespace keel::tools
