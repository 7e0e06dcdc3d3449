#pragma once

#include <span>

#include "keel/graph/var.hpp"
#include "keel/ops/weight_decay.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// What a step of SGD does beside following the gradient. Nothing, by default.
struct SgdSettings {
  double momentum = 0.0;
  double weight_decay = 0.0;  ///< of the parameters that `decay` names
  bool nesterov = false;
  WeightDecay decay = WeightDecay::matrices;
};

/// Records one step of stochastic gradient descent over all parameters, in place, as PyTorch defines it
/// (torch.optim.SGD, without dampening):
///
///   g = grad + weight_decay * parameter,
///   velocity = momentum * velocity + g,
///   parameter = parameter - learning_rate * velocity,
///
/// and under Nesterov's momentum (Sutskever et al. 2013)
///
///   parameter = parameter - learning_rate * (g + momentum * velocity).
///
/// parameters, velocities (both stored) and grads correspond one to one; the learning rate is a stored f64
/// scalar, read at every run. Parameters that lie side by side in memory are updated in one sweep. When a
/// plan runs and a gradient or a parameter is not finite, throws NonFiniteError; the parameters are then
/// lost.
void sgd_update(std::span<const Var> parameters, std::span<const Var> velocities, std::span<const Var> grads,
                const Var& learning_rate, const SgdSettings& settings,
                const SourceLocation& where = SourceLocation::current());

}  // namespace keel
