#include "keel/models/sgd.hpp"

#include "keel/runtime/error.hpp"

namespace keel {

Sgd::Sgd(const SgdOptions& options)
    : OptimizerBase("Sgd", options, {Moments{"velocity", PageOffset::quarter}}), options_(options) {
  require_fraction("momentum", options.momentum);
  if (options.nesterov && options.momentum == 0.0)
    throw Error{"nesterov looks ahead by the momentum, which is 0: set one, or leave nesterov out"};
}

void Sgd::update(std::span<const Var> parameters, std::span<const Var> grads, const SourceLocation& where) {
  for (const auto& part : parts(parameters, grads, where)) {
    sgd_update(part.parameters, array(0).record(part.parameters), part.grads, part.learning_rate,
               {.momentum = options_.momentum,
                .weight_decay = part.weight_decay,
                .nesterov = options_.nesterov,
                .decay = options_.decay},
               where);
  }
}

}  // namespace keel
