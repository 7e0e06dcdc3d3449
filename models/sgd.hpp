#pragma once

#include <optional>
#include <span>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer_base.hpp"
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
/// it. Its state is the "velocity" of each.
class Sgd : public OptimizerBase {
 public:
  /// Throws Error, naming the option, when one is out of range.
  explicit Sgd(const SgdOptions& options);

  /// Records the update of `parameters` by `grads`, which correspond one to one.
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());

 private:
  SgdOptions options_;
};

}  // namespace keel
