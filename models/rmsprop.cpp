#include "keel/models/rmsprop.hpp"

namespace keel {

Rmsprop::Rmsprop(const RmspropOptions& options)
    : OptimizerBase("Rmsprop", options, {Moments{"square", PageOffset::quarter}}), options_(options) {
  require_fraction("alpha", options.alpha);
  require_positive_epsilon(options.epsilon);
}

void Rmsprop::update(std::span<const Var> parameters, std::span<const Var> grads,
                     const SourceLocation& where) {
  for (const auto& part : parts(parameters, grads, where)) {
    rmsprop_update(part.parameters, array(0).record(part.parameters), part.grads, part.learning_rate,
                   {.alpha = options_.alpha,
                    .epsilon = options_.epsilon,
                    .weight_decay = part.weight_decay,
                    .decay = options_.decay},
                   where);
  }
}

}  // namespace keel
