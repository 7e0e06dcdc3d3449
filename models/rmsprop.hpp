#pragma once

#include <optional>
#include <span>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer_base.hpp"
#include "keel/models/parameter_groups.hpp"
#include "keel/ops/rmsprop.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct RmspropOptions {
  double learning_rate = 0.01;
  double alpha = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.0;                  ///< added to the gradients
  WeightDecay decay = WeightDecay::matrices;  ///< what `weight_decay` touches
  std::optional<double> clip_norm = {};       ///< bound of the norm of all gradients together
  std::vector<ParameterGroup> groups = {};    ///< with rates and decay of their own
};

/// RMSprop by PyTorch's definition (see `rmsprop_update`), but for biases and batch norm's gamma and beta, which
/// do not decay unless asked. Its state is a mean of the gradients' squares for each parameter, its "square".
class Rmsprop : public OptimizerBase {
 public:
  /// Throws Error, naming the option, when one is out of range.
  explicit Rmsprop(const RmspropOptions& options);

  /// Records the update of `parameters` by `grads`, which correspond one to one.
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());

 private:
  RmspropOptions options_;
};

}  // namespace keel
