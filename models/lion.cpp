#include "keel/models/lion.hpp"

namespace keel {

Lion::Lion(const LionOptions& options)
    : options_(options), groups_(options.groups), learning_rate_(options.learning_rate) {
  require_fraction("beta1", options.beta1);
  require_fraction("beta2", options.beta2);
  require_weight_decay(options.weight_decay);
  require_clip_norm(options.clip_norm);
}

void Lion::update(std::span<const Var> parameters, std::span<const Var> grads, const SourceLocation& where) {
  require_parameters("Lion", parameters, where);
  const Var learning_rate = learning_rate_.record(parameters[0].tape());
  const auto followed = clipped(grads, options_.clip_norm, where);
  for (const auto& part : groups_.divide(parameters, followed, learning_rate, options_.weight_decay, where)) {
    lion_update(part.parameters, means_.record(part.parameters), part.grads, part.learning_rate,
                {.beta1 = options_.beta1,
                 .beta2 = options_.beta2,
                 .weight_decay = part.weight_decay,
                 .decay = options_.decay},
                where);
  }
}

std::vector<OptimizerState> Lion::state(std::span<const NamedParameter> parameters) {
  return optimizer_state(learning_rate_, {&means_}, parameters);
}

}  // namespace keel
