#include "keel/models/adam.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "keel/runtime/error.hpp"

namespace keel {

Adam::Adam(const AdamOptions& options) : options_(options), learning_rate_(options.learning_rate) {
  require_fraction("beta1", options.beta1);
  require_fraction("beta2", options.beta2);
  require_weight_decay(options.weight_decay);
  require_clip_norm(options.clip_norm);
  // In f32 a smaller one would be 0, and a parameter without a gradient 0 / 0.
  constexpr double least = std::numeric_limits<float>::min();
  if (!(options.epsilon >= least) || !std::isfinite(options.epsilon))
    throw Error{fmt::format("epsilon must be a number of at least {:.3g}, not {}", least, options.epsilon)};
}

void Adam::update(std::span<const Var> parameters, std::span<const Var> grads, const SourceLocation& where) {
  require_parameters("Adam", parameters, where);
  Tape& tape = parameters[0].tape();
  const auto means = means_.record(parameters);
  const auto variances = variances_.record(parameters);
  const auto followed = clipped(grads, options_.clip_norm, where);
  adam_update({.parameters = parameters, .means = means, .variances = variances, .grads = followed},
              learning_rate_.record(tape), steps_.record(parameters),
              {.beta1 = options_.beta1,
               .beta2 = options_.beta2,
               .epsilon = options_.epsilon,
               .weight_decay = options_.weight_decay,
               .decay = options_.decay},
              where);
}

std::int64_t Adam::steps() const {
  double most = 0.0;
  for (const auto& count : steps_.all()) most = std::max(most, count.data<double>()[0]);
  return static_cast<std::int64_t>(most);
}

void Adam::reset() {
  for (auto* arrays : {&means_, &variances_, &steps_}) arrays->reset();
}

std::vector<OptimizerState> Adam::state(std::span<const NamedParameter> parameters) {
  return optimizer_state(learning_rate_, {&means_, &variances_, &steps_}, parameters);
}

}  // namespace keel
