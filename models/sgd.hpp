#pragma once

#include <optional>
#include <span>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer.hpp"
#include "keel/models/parameter_groups.hpp"
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
  std::vector<ParameterGroup> groups = {};    ///< with rates and decay of their own
};

/// Stochastic gradient descent with momentum, Nesterov's too, and weight decay, by PyTorch's definition (see
/// `sgd_update`), but for biases and batch norm's gamma and beta, which do not decay unless asked. Keeps one
/// velocity a parameter, which begins at zero when the parameter joins or is initialized anew, and goes with
/// it. A copy is an optimizer of its own: it begins with the same learning rate and velocities.
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

  /// Forgets all steps, as if none had been done; the learning rate stays. Steps that are compiled
  /// already follow.
  void reset();
  /// All that it keeps of the trained parameters of `model`, frozen ones included, zeros where it has had none
  /// yet, and the learning rate: "velocity" of each. Throws NoValuesError before `initialize`.
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
  SgdOptions options_;
  ParameterGroups groups_;
  LearningRate learning_rate_;
  Moments velocities_{"velocity", PageOffset::quarter};
  Presence presence_;
};

}  // namespace keel
