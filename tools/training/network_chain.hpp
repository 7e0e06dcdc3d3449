#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/tools/training/network.hpp"

namespace keel::tools {

/// A layer with weights as it was recorded, and what stands behind it up to the next.
struct ChainLayer {
  Tensor weights;  ///< (features, inputs), or (features, channels, 3, 3) of a convolution
  std::optional<Tensor> bias;
  Norm norm = Norm::none;
  std::int64_t groups = 0;    ///< of group norm
  std::vector<Tensor> scale;  ///< gamma, beta; of batch norm the running mean and variance too
  std::optional<Activation> activation;
  bool pooled = false;
};

/// The layers that lead from `images` (N, pixels) to `logits`, each of exactly the operators and settings of
/// the networks of `keel train`: on images of these sizes convolutions of 3 x 3 with padding 1 and pooling of
/// 2 x 2, then linear layers, with norms and activations behind them. Throws Error for anything else, naming
/// the operator and its settings: "has the operator clamp (lower 0, upper 6), ...".
std::vector<ChainLayer> read_chain(const Var& images, const Var& logits);

}  // namespace keel::tools
