#pragma once

#include "keel/graph/tape.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::tools {

/// How far a value that is normalized by the statistics of a ghost batch of `size` normal values lies from
/// the same normalized by those of them all, in the mean of squares: 2 (1 - c), where c is the mean standard
/// deviation of such a batch, in units of the true one.
double ghost_noise_power(std::int64_t size);

/// Noise of the size, and of the kind, of that which statistics over ghost batches put on what they
/// normalize, for a layer that has no such statistics: in training, each unit of every `size` successive
/// rows is scaled and shifted by random numbers of its own. A third of its power is in the scale and two
/// thirds in the shift, as it is for large ghost batches of normal values; what it makes of values of mean 0
/// and variance 1 has these, and differs from them by `ghost_noise_power`.
class GhostNoise {
 public:
  GhostNoise(std::int64_t largest_batch, std::int64_t units, std::int64_t size);

  /// Draws the noise of the coming step.
  void draw(Rng& rng);

  /// src (rows, units) * factor + shift, for up to `largest_batch` rows.
  [[nodiscard]] Var apply(const Var& src) const;

 private:
  std::int64_t size_;
  Tensor factor_;  // (largest batch, units)
  Tensor shift_;
};

}  // namespace keel::tools
