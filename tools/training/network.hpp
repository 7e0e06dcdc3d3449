#pragma once

#include <string>
#include <variant>
#include <vector>

#include "keel/models/batch_norm.hpp"
#include "keel/models/conv2d.hpp"
#include "keel/models/dropout.hpp"
#include "keel/models/group_norm.hpp"
#include "keel/models/layer_norm.hpp"
#include "keel/models/linear.hpp"
#include "keel/tools/training/ghost_batch_norm.hpp"
#include "keel/tools/training/ghost_noise.hpp"
#include "keel/tools/training/noise.hpp"
#include "keel/tools/training/run.hpp"
#include "keel/tools/training/weight_norm_linear.hpp"

namespace keel::tools {

/// What normalizes a hidden layer before its activation.
enum class Norm : std::uint8_t {
  none,
  batch,
  noisy_batch,  ///< batch norm whose result is shifted and scaled at random: Santurkar et al. 2018
  layer,        ///< of the channels of an image all values together
  group,        ///< in `norm_groups` groups of features, or as many as divide them
  weight,       ///< not what the layer gives, but its weights: Salimans and Kingma 2016
};
inline constexpr std::int64_t norm_groups = 8;
/// The groups of so many features: of more than one each, since one has no variance.
std::int64_t groups_of(std::int64_t features);

enum class Activation : std::uint8_t { relu, tanh, sigmoid, gelu };
/// "relu", "tanh", "sigmoid" or "gelu".
std::string name_of(Activation activation);

struct NetworkOptions {
  std::int64_t inputs = 784;
  /// Of convolutions, 3 x 3, each followed by norm, activation and 2 x 2 max pooling, on images of `height`
  /// rows.
  std::vector<std::int64_t> channels = {};
  std::int64_t height = 28;
  std::vector<std::int64_t> hidden = {128};
  std::int64_t classes = 10;
  Norm norm = Norm::none;
  Activation activation = Activation::relu;
  InitializerRule weights = initializers::fan_in();
  InitializerRule bias_values = initializers::fan_in();
  BatchNormOptions batch_norm = {};
  double dropout = 0.0;                ///< rate behind each activation; 0 for none
  bool affine = true;                  ///< whether batch norm trains gamma and beta, or leaves them 1 and 0
  bool norm_after_activation = false;  ///< where fully connected layers are normalized
  /// Rows of the ghost batches by whose statistics batch norm normalizes hidden layers, or whose noise is put
  /// on layer norm's in training; 0 for neither.
  std::int64_t ghost_size = 0;
  /// Whether each hidden layer but the first adds to what it is given, times a number that is trained and
  /// starts at 0: SkipInit, De and Smith 2020, "Batch normalization biases residual blocks towards the identity
  /// function in deep networks". Of layers of one width.
  bool skip_init = false;
  bool bias_before_norm = false;  ///< whether layers before batch norm have a bias, which it takes away again
  std::int64_t largest_batch = 0;  ///< that noise has to be made for
  double noise = 1.0;              ///< of noisy batch norm, as a multiple of the paper's
};

/// The networks of `keel train` and the studies: convolutions, if any; then linear, norm, activation, dropout
/// for each hidden layer; then linear to the logits. What two variants share is named alike ("fc1.weights")
/// and so starts alike from the same seed.
class Network {
 public:
  /// Throws Error for images too small for the pooling behind so many convolutions, and for skips between layers
  /// of different widths.
  explicit Network(const NetworkOptions& options);

  Var operator()(const Var& images) const { return trace(images).logits; }

  /// The logits, and what each hidden layer's norm and activation are given.
  struct Trace {
    Var logits;
    std::vector<Var> before_norm;
    std::vector<Var> before_activation;
  };
  [[nodiscard]] Trace trace(const Var& images) const;

  /// Draws new noise for the coming step: for noisy batch norm, and layer norm with that of ghost batches.
  void draw_noise(Rng& rng);

  void visit(auto&& each) {
    for (std::size_t i = 0; i < convolutions_.size(); ++i) {
      each("conv" + std::to_string(i + 1), convolutions_[i]);
      visit_norm(i, each);
    }
    for (std::size_t i = 0; i < linears_.size(); ++i) {
      const auto number = std::to_string(i + 1);
      if (i < weight_norms_.size())
        each("fc" + number, weight_norms_[i]);
      else
        each("fc" + number, linears_[i]);
      if (i > 0 && i <= skips_.size()) each("skip" + number, skips_[i - 1]);
      visit_norm(convolutions_.size() + i, each);
      if (i < dropouts_.size()) each("dropout" + number, dropouts_[i]);
    }
  }

 private:
  using NormLayer = std::variant<BatchNorm, LayerNorm, GroupNorm, GhostBatchNorm>;

  void add_norm(const NetworkOptions& options, std::int64_t features, bool of_images);
  [[nodiscard]] Var convolve(const Var& images) const;
  void add_skips(const NetworkOptions& options);
  [[nodiscard]] Var transform(std::size_t layer, const Var& src) const;
  [[nodiscard]] Var skip(std::size_t layer, const Var& src, const Var& dst) const;
  [[nodiscard]] Var normalize(std::size_t layer, const Var& src) const;
  void visit_norm(std::size_t layer, auto&& each) {
    if (layer >= norms_.size()) return;
    const auto name = norm_name_ + std::to_string(layer + 1);
    std::visit([&](auto& norm) { each(name, norm); }, norms_[layer]);
  }

  std::int64_t height_;
  Activation activation_;
  bool norm_after_activation_;
  std::string norm_name_;  // "bn"
  std::vector<Conv2d> convolutions_;
  std::vector<Linear> linears_;
  std::vector<WeightNormLinear> weight_norms_;  // in the place of the hidden layers' linears
  std::vector<Parameter> skips_;                // scalars, from the second hidden layer on
  std::vector<NormLayer> norms_;                // of the convolutions, then of the hidden layers
  std::vector<Dropout> dropouts_;
  std::vector<LayerNoise> noises_;
  std::vector<GhostNoise> ghost_noises_;
};

/// The options of a network for such data, its arm named as in results: "plain", "he" (plain, started by He's
/// rule), "bn", "bn-bare" (without gamma and beta), "bn-after" (behind the activation), "noisy-bn", "ln", "gn",
/// "weight-norm", "skip-init"; "ghost" (batch norm) and "noisy-ln", whose `ghost_size` is the study's to set.
/// Throws Error for another name.
NetworkOptions network_for(const DataSet& data, const RunSettings& settings);

}  // namespace keel::tools
