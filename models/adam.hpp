#pragma once

#include <optional>
#include <span>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer.hpp"
#include "keel/ops/adam.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct AdamOptions {
  double learning_rate = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;                  ///< decoupled from the gradients: AdamW
  WeightDecay decay = WeightDecay::matrices;  ///< what `weight_decay` touches
  std::optional<double> clip_norm = {};       ///< bound of the norm of all gradients together
};

/// Adam, and with weight decay AdamW, by PyTorch's definition (see `adam_update`), but for biases and batch
/// norm's gamma and beta, which do not decay unless asked. Keeps two moments a parameter and the number of
/// steps done, which all plans share: every run of a recorded update counts as one.
class Adam {
 public:
  /// Throws Error, naming the option, when one is out of range.
  explicit Adam(const AdamOptions& options);

  [[nodiscard]] double learning_rate() const { return learning_rate_.value(); }
  /// From the next step on; steps that are compiled already follow.
  void set_learning_rate(double learning_rate) { learning_rate_.set(learning_rate); }
  /// Steps done so far.
  [[nodiscard]] std::int64_t steps() const { return static_cast<std::int64_t>(steps_.data<double>()[0]); }

  /// Records the update of `parameters`, all of a model's at once, by `grads`, which correspond one to one.
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());

 private:
  AdamOptions options_;
  LearningRate learning_rate_;
  Tensor steps_{Shape{}, DType::f64};
  Moments means_{"mean", PageOffset::quarter};
  Moments variances_{"variance", PageOffset::three_quarters};
};

}  // namespace keel
