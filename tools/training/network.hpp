#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keel/models/batch_norm.hpp"
#include "keel/models/dropout.hpp"
#include "keel/models/layer_norm.hpp"
#include "keel/models/linear.hpp"
#include "keel/tools/training/noise.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// What normalizes a hidden layer before its activation.
enum class Norm : std::uint8_t {
  none,
  batch,
  noisy_batch,  ///< batch norm whose result is shifted and scaled at random: Santurkar et al. 2018
  layer,
};

enum class Activation : std::uint8_t { relu, tanh, sigmoid };
/// "relu", "tanh" or "sigmoid".
std::string name_of(Activation activation);

struct NetworkOptions {
  std::int64_t inputs = 784;
  std::vector<std::int64_t> hidden = {128};
  std::int64_t classes = 10;
  Norm norm = Norm::none;
  Activation activation = Activation::relu;
  InitializerRule weights = initializers::fan_in();
  InitializerRule bias_values = initializers::fan_in();
  BatchNormOptions batch_norm = {};
  double dropout = 0.0;            ///< rate behind each activation; 0 for none
  std::int64_t largest_batch = 0;  ///< that noisy batch norm has to make noise for
};

/// The fully-connected networks of the studies: linear, norm, activation, dropout for each hidden layer, then
/// linear to the logits. What two variants share is named alike ("fc1.weights") and so starts alike from the
/// same seed. A layer before batch norm has no bias.
class Network {
 public:
  explicit Network(const NetworkOptions& options);

  Var operator()(const Var& images) const { return trace(images).logits; }

  /// The logits, and what each hidden layer's norm and activation are given.
  struct Trace {
    Var logits;
    std::vector<Var> before_norm;
    std::vector<Var> before_activation;
  };
  [[nodiscard]] Trace trace(const Var& images) const;

  /// Draws new noise for the coming step: for noisy batch norm alone.
  void draw_noise(Rng& rng);

  void visit(auto&& each) {
    for (std::size_t i = 0; i < linears_.size(); ++i) {
      const auto number = std::to_string(i + 1);
      each("fc" + number, linears_[i]);
      if (i < batch_norms_.size()) each("bn" + number, batch_norms_[i]);
      if (i < layer_norms_.size()) each("ln" + number, layer_norms_[i]);
      if (i < dropouts_.size()) each("dropout" + number, dropouts_[i]);
    }
  }

 private:
  [[nodiscard]] Var normalize(std::size_t layer, const Var& src) const;

  Activation activation_;
  std::vector<Linear> linears_;
  std::vector<BatchNorm> batch_norms_;
  std::vector<LayerNorm> layer_norms_;
  std::vector<Dropout> dropouts_;
  std::vector<LayerNoise> noises_;
};

/// The options of a network for such data, its arm named as in results: "plain", "bn", "noisy-bn", "ln".
NetworkOptions network_for(const DataSet& data, const RunSettings& settings);

}  // namespace keel::tools
