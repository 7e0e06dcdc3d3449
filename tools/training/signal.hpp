#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "keel/runtime/rng.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel::tools {

/// A deep fully connected network at its start, by the rule that suits its activation: He's for ReLU, else
/// weights of variance 1 / inputs. No biases.
struct SignalOptions {
  std::string norm = "plain";       ///< before each activation: "plain" (none), "bn" or "ln"
  std::string activation = "relu";  ///< or "tanh", or "linear" for none
  std::int64_t width = 64;          ///< of each hidden layer
  int depth = 32;                   ///< hidden layers
  std::int64_t classes = 10;
};

/// What becomes of a batch on its way through, and of the loss's gradient on its way back: a number for each
/// hidden layer, from the input.
struct Signal {
  std::vector<double> squared_gradients;  ///< of the layer's weights, summed
  /// (sum of s)^2 / (sum of s^2) over the squares s of the singular values of what the layer gives, its rows
  /// the samples: how many directions they differ in, from 1 on. NaN where all is 0.
  std::vector<double> effective_ranks;
  std::vector<double> mean_cosines;  ///< between two samples of what the layer gives
};

/// One pass forward and backward of the cross-entropy, on images (N, features) and labels (N). Throws Error
/// for a norm or an activation of another name.
Signal measure_signal(const SignalOptions& options, const Tensor& images, const Tensor& labels,
                      const Rng& rng);

/// The effective rank of samples, and the mean cosine between two of them, by their scalar products (N, N),
/// in f32. Samples that are 0 have no cosine.
double effective_rank(const Tensor& products);
double mean_cosine(const Tensor& products);

/// By what factor the squared gradients grow from one layer to the one before it, over the layers but the
/// outer sixths: a geometric mean. NaN where one is 0 or not finite.
double gradient_growth(const std::vector<double>& squared_gradients);

}  // namespace keel::tools
