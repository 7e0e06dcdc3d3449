#pragma once

#include <optional>
#include <span>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer.hpp"
#include "keel/models/parameter_groups.hpp"
#include "keel/ops/lion.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct LionOptions {
  double learning_rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0.0;                  ///< decoupled from the gradients
  WeightDecay decay = WeightDecay::matrices;  ///< what `weight_decay` touches
  std::optional<double> clip_norm = {};       ///< bound of the norm of all gradients together
  std::vector<ParameterGroup> groups = {};    ///< with rates and decay of their own
};

/// Lion (see `lion_update`): steps of one length for every element, by the sign of a mean of the gradients. Its
/// rate is to be some three to ten times below Adam's, its decay as much above. Biases and batch norm's gamma and
/// beta do not decay unless asked. A copy is an optimizer of its own: it begins with the same learning rate and
/// means.
class Lion {
 public:
  /// Throws Error, naming the option, when one is out of range.
  explicit Lion(const LionOptions& options);

  [[nodiscard]] double learning_rate() const { return learning_rate_.value(); }
  /// From the next step on; steps that are compiled already follow.
  void set_learning_rate(double learning_rate) { learning_rate_.set(learning_rate); }

  /// Records the update of `parameters` by `grads`, which correspond one to one.
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());

  /// Forgets all steps, as if none had been done; the learning rate stays. Steps that are compiled
  /// already follow.
  void reset() { means_.reset(); }
  /// All that it keeps of the trained parameters of `model`, frozen ones included, zeros where it has had none
  /// yet, and the learning rate: "mean" of each. Throws NoValuesError before `initialize`.
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
  LionOptions options_;
  ParameterGroups groups_;
  LearningRate learning_rate_;
  Moments means_{"mean", PageOffset::quarter};
  Presence presence_;
};

}  // namespace keel
