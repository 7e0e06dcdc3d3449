#include "keel/models/rmsprop.hpp"

namespace keel {

Rmsprop::Rmsprop(const RmspropOptions& options)
    : options_(options), groups_(options.groups), learning_rate_(options.learning_rate) {
  require_fraction("alpha", options.alpha);
  require_positive_epsilon(options.epsilon);
  require_weight_decay(options.weight_decay);
  require_clip_norm(options.clip_norm);
}

void Rmsprop::update(std::span<const Var> parameters, std::span<const Var> grads,
                     const SourceLocation& where) {
  require_parameters("Rmsprop", parameters, where);
  const Var learning_rate = learning_rate_.record(parameters[0].tape());
  const auto followed = clipped(grads, options_.clip_norm, where);
  for (const auto& part : groups_.divide(parameters, followed, learning_rate, options_.weight_decay, where)) {
    rmsprop_update(part.parameters, squares_.record(part.parameters), part.grads, part.learning_rate,
                   {.alpha = options_.alpha,
                    .epsilon = options_.epsilon,
                    .weight_decay = part.weight_decay,
                    .decay = options_.decay},
                   where);
  }
}

std::vector<OptimizerState> Rmsprop::state(std::span<const NamedParameter> parameters) {
  return optimizer_state(learning_rate_, {&squares_}, parameters);
}

}  // namespace keel
