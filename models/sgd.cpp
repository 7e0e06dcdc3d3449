#include "keel/models/sgd.hpp"

#include "keel/runtime/error.hpp"

namespace keel {

Sgd::Sgd(const SgdOptions& options)
    : options_(options), groups_(options.groups), learning_rate_(options.learning_rate) {
  require_fraction("momentum", options.momentum);
  require_weight_decay(options.weight_decay);
  require_clip_norm(options.clip_norm);
  if (options.nesterov && options.momentum == 0.0)
    throw Error{"nesterov looks ahead by the momentum, which is 0: set one, or leave nesterov out"};
}

void Sgd::update(std::span<const Var> parameters, std::span<const Var> grads, const SourceLocation& where) {
  require_parameters("Sgd", parameters, where);
  const Var learning_rate = learning_rate_.record(parameters[0].tape());
  const auto followed = clipped(grads, options_.clip_norm, where);
  for (const auto& part : groups_.divide(parameters, followed, learning_rate, options_.weight_decay, where)) {
    sgd_update(part.parameters, velocities_.record(part.parameters), part.grads, part.learning_rate,
               {.momentum = options_.momentum,
                .weight_decay = part.weight_decay,
                .nesterov = options_.nesterov,
                .decay = options_.decay},
               where);
  }
}

void Sgd::reset() {
  velocities_.reset();
}

std::vector<OptimizerState> Sgd::state(std::span<const NamedParameter> parameters) {
  return optimizer_state(learning_rate_, {&velocities_}, parameters);
}

}  // namespace keel
