#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer.hpp"
#include "keel/models/parameter_groups.hpp"
#include "keel/ops/adam.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct AdamOptions {
  double learning_rate = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  bool decoupled = true;                      ///< the decay is AdamW's; false: added to the gradients
  WeightDecay decay = WeightDecay::matrices;  ///< what `weight_decay` touches
  std::optional<double> clip_norm = {};       ///< bound of the norm of all gradients together
  std::vector<ParameterGroup> groups = {};    ///< with rates and decay of their own
};

/// Adam by PyTorch's definition (see `adam_update`), but for biases and batch norm's gamma and beta, which do not
/// decay unless asked. Its weight decay is that of AdamW, which shrinks the parameters beside the step; that of
/// PyTorch's Adam, which goes through the moments, is `decoupled = false`. Keeps two moments a parameter, and the number of
/// steps that it took part in, which all plans share: every run of a recorded update counts as one for the
/// parameters that it updates. What joins later, or is initialized anew, thus begins with step 1. A copy is an
/// optimizer of its own: it begins with the same learning rate, moments and counts.
class Adam {
 public:
  /// Throws Error, naming the option, when one is out of range.
  explicit Adam(const AdamOptions& options);

  [[nodiscard]] double learning_rate() const { return learning_rate_.value(); }
  /// From the next step on; steps that are compiled already follow.
  void set_learning_rate(double learning_rate) { learning_rate_.set(learning_rate); }
  /// Steps done so far: of the parameter that took part in the most.
  [[nodiscard]] std::int64_t steps() const;

  /// Records the update of `parameters`, all of a model's at once, by `grads`, which correspond one to one.
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());

  /// Forgets all steps, as if none had been done; the learning rate stays. Steps that are compiled
  /// already follow.
  void reset();
  /// All that it keeps of the trained parameters of `model`, frozen ones included, zeros where it has had none
  /// yet, and the learning rate: "mean", "variance" and "step" of each. Throws NoValuesError before `initialize`.
  [[nodiscard]] std::vector<OptimizerState> state(std::span<const NamedParameter> parameters);
  template <class Model>
  [[nodiscard]] std::vector<OptimizerState> state(Model& model) {
    return state(std::span<const NamedParameter>{parameters(model)});
  }

  /// Throws Error when a group has none of the model's parameters.
  void require_groups(std::span<const NamedParameter> parameters) const {
    groups_.require_members(parameters);
  }
  /// Tells when another optimizer was assigned to this one, or when it was moved or destroyed.
  [[nodiscard]] Presence::Watch watch() const { return presence_.watch(); }

 private:
  AdamOptions options_;
  ParameterGroups groups_;
  LearningRate learning_rate_;
  Moments means_{"mean", PageOffset::quarter};
  Moments variances_{"variance", PageOffset::three_quarters};
  Moments steps_{"step", PageOffset::none, ValueType{Shape{}, DType::f64}};
  Presence presence_;
};

/// Adam under the name that tells of its weight decay.
using AdamW = Adam;

}  // namespace keel
