#pragma once

#include <span>

#include "keel/graph/var.hpp"
#include "keel/ops/weight_decay.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct LionSettings {
  double beta1 = 0.9;         ///< weight of the mean in the direction
  double beta2 = 0.99;        ///< how much of the gradients' mean lasts from step to step
  double weight_decay = 0.0;  ///< decoupled, of the parameters that `decay` names
  WeightDecay decay = WeightDecay::matrices;
};

/// Records one step of Lion (Chen et al. 2023) over all parameters, in place:
///
///   direction = sign(beta1 * mean + (1 - beta1) * grad),
///   parameter = (1 - learning_rate * weight_decay) * parameter - learning_rate * direction,
///   mean = beta2 * mean + (1 - beta2) * grad.
///
/// Parameters, means (all stored) and gradients correspond one to one; the learning rate is an f64 scalar, read
/// at every run. Throws NonFiniteError, when a plan runs, as `adam_update` does.
void lion_update(std::span<const Var> parameters, std::span<const Var> means, std::span<const Var> grads,
                 const Var& learning_rate, const LionSettings& settings,
                 const SourceLocation& where = SourceLocation::current());

}  // namespace keel
