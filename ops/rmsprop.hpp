#pragma once

#include <span>

#include "keel/graph/var.hpp"
#include "keel/ops/weight_decay.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct RmspropSettings {
  double alpha = 0.99;        ///< how much of the squares' mean lasts from step to step
  double epsilon = 1e-8;      ///< keeps the denominator from zero
  double weight_decay = 0.0;  ///< of the parameters that `decay` names
  WeightDecay decay = WeightDecay::matrices;
};

/// Records one step of RMSprop (Hinton 2012) over all parameters, in place, as PyTorch defines it, without
/// momentum and not centered:
///
///   g = grad + weight_decay * parameter,
///   square = alpha * square + (1 - alpha) * g^2,
///   parameter = parameter - learning_rate * g / (sqrt(square) + epsilon).
///
/// Parameters, squares (all stored) and gradients correspond one to one; the learning rate is an f64 scalar, read
/// at every run. Throws NonFiniteError, when a plan runs, as `adam_update` does.
void rmsprop_update(std::span<const Var> parameters, std::span<const Var> squares, std::span<const Var> grads,
                    const Var& learning_rate, const RmspropSettings& settings,
                    const SourceLocation& where = SourceLocation::current());

}  // namespace keel
