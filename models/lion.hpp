#pragma once

#include <optional>
#include <span>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer_base.hpp"
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
/// beta do not decay unless asked. Its state is the "mean" of each.
class Lion : public OptimizerBase {
 public:
  /// Throws Error, naming the option, when one is out of range.
  explicit Lion(const LionOptions& options);

  /// Records the update of `parameters` by `grads`, which correspond one to one.
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());

 private:
  LionOptions options_;
};

}  // namespace keel
