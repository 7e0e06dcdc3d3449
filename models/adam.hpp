#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/optimizer_base.hpp"
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
/// PyTorch's Adam, which goes through the moments, is `decoupled = false`. Its state is two moments a parameter,
/// "mean" and "variance", and the number of steps that it took part in, "step", which all plans share: every run of
/// a recorded update counts as one for the parameters that it updates. What joins later, or is initialized anew,
/// thus begins with step 1.
class Adam : public OptimizerBase {
 public:
  /// Throws Error, naming the option, when one is out of range.
  explicit Adam(const AdamOptions& options);

  /// Steps done so far: of the parameter that took part in the most.
  [[nodiscard]] std::int64_t steps() const;

  /// Records the update of `parameters`, all of a model's at once, by `grads`, which correspond one to one.
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());

 private:
  AdamOptions options_;
};

/// Adam under the name that tells of its weight decay.
using AdamW = Adam;

}  // namespace keel
