#pragma once

#include "keel/graph/tape.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::tools {

/// The noise of "noisy" batch norm (Santurkar, Tsipras, Ilyas and Madry 2018, "How does batch normalization
/// help optimization?", appendix A): in training, what batch norm gives is multiplied and shifted by random
/// numbers whose mean and spread are drawn anew for every unit at every step, so that no unit keeps its
/// distribution from one step to the next.
class LayerNoise {
 public:
  /// `strength`: of the noise, as a multiple of the paper's.
  LayerNoise(std::int64_t largest_batch, std::int64_t units, double strength = 1.0);

  /// Draws the noise of the coming step.
  void draw(Rng& rng);

  /// src * factor + shift, for a batch of up to `largest_batch` rows.
  [[nodiscard]] Var apply(const Var& src) const;

 private:
  double strength_;
  Tensor factor_;  // (largest batch, units)
  Tensor shift_;
};

}  // namespace keel::tools
