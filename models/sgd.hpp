#pragma once

#include <optional>
#include <span>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer.hpp"
#include "keel/ops/sgd.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct SgdOptions {
  double learning_rate = 0.01;
  double momentum = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;
  WeightDecay decay = WeightDecay::matrices;  ///< what `weight_decay` touches
  std::optional<double> clip_norm = {};       ///< bound of the norm of all gradients together
};

/// Stochastic gradient descent with momentum, Nesterov's too, and weight decay, by PyTorch's definition (see
/// `sgd_update`), but for biases and batch norm's gamma and beta, which do not decay unless asked. Keeps one
/// velocity a parameter.
class Sgd {
 public:
  /// Throws Error, naming the option, when one is out of range.
  explicit Sgd(const SgdOptions& options);

  [[nodiscard]] double learning_rate() const { return learning_rate_.value(); }
  /// From the next step on; steps that are compiled already follow.
  void set_learning_rate(double learning_rate) { learning_rate_.set(learning_rate); }

  /// Records the update of `parameters` by `grads`, which correspond one to one.
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());

 private:
  SgdOptions options_;
  LearningRate learning_rate_;
  Moments velocities_{"velocity", PageOffset::quarter};
};

}  // namespace keel
