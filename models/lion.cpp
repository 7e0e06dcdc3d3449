#include "keel/models/lion.hpp"

namespace keel {

Lion::Lion(const LionOptions& options)
    : OptimizerBase("Lion", options, {Moments{"mean", PageOffset::quarter}}), options_(options) {
  require_fraction("beta1", options.beta1);
  require_fraction("beta2", options.beta2);
}

void Lion::update(std::span<const Var> parameters, std::span<const Var> grads, const SourceLocation& where) {
  for (const auto& part : parts(parameters, grads, where)) {
    lion_update(part.parameters, array(0).record(part.parameters), part.grads, part.learning_rate,
                {.beta1 = options_.beta1,
                 .beta2 = options_.beta2,
                 .weight_decay = part.weight_decay,
                 .decay = options_.decay},
                where);
  }
}

}  // namespace keel
