#pragma once

#include <span>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/ops/weight_decay.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct AdamSettings {
  double beta1 = 0.9;         ///< how much of the gradients' mean lasts from step to step
  double beta2 = 0.999;       ///< and of their squares'
  double epsilon = 1e-8;      ///< keeps the denominator from zero
  double weight_decay = 0.0;  ///< decoupled, of the parameters that `decay` names
  WeightDecay decay = WeightDecay::matrices;
};

/// What an update by Adam reads and writes: all stored, and but for the gradients changed in place.
struct AdamArrays {
  std::span<const Var> parameters;
  std::span<const Var> means;
  std::span<const Var> variances;
  std::span<const Var> grads;
};

/// Records one step of Adam (Kingma and Ba 2015) with decoupled weight decay (AdamW, Loshchilov and Hutter
/// 2019) over all parameters, in place, as PyTorch defines it:
///
///   step = step + 1,
///   mean = beta1 * mean + (1 - beta1) * grad,
///   variance = beta2 * variance + (1 - beta2) * grad^2,
///   parameter = (1 - learning_rate * weight_decay) * parameter
///               - learning_rate / (1 - beta1^step) * mean
///                 / (sqrt(variance) / sqrt(1 - beta2^step) + epsilon).
///
/// Parameters, means, variances (all stored) and gradients correspond one to one; the learning rate and the
/// numbers of steps done are stored f64 scalars, the one read, the others counted up at every run. There is a
/// number for each parameter, so that those that join later begin with their first step, or one for all of
/// them. Parameters that lie side by side in memory, and are at the same step, are updated in one sweep. When
/// a plan runs and a gradient, its square or a parameter is not finite, throws NonFiniteError, which says which;
/// the parameters, or the moment that the square was for, are then lost. Squares are those of the element type: in
/// f32 that of 1.8e19 is the largest.
void adam_update(const AdamArrays& arrays, const Var& learning_rate, std::span<const Var> steps,
                 const AdamSettings& settings, const SourceLocation& where = SourceLocation::current());
void adam_update(const AdamArrays& arrays, const Var& learning_rate, const Var& step,
                 const AdamSettings& settings, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
