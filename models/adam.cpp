#include "keel/models/adam.hpp"

#include <algorithm>
#include <cstddef>

#include "keel/ops/arithmetic.hpp"

namespace keel {

namespace {

// The decay as a part of the gradients: what the loss would have of half the squares.
void add_decay(ParameterGroups::Part& part, WeightDecay decay, const SourceLocation& where) {
  for (std::size_t i = 0; i < part.parameters.size(); ++i) {
    const double rate = weight_decay_of(part.parameters[i].shape(), part.weight_decay, decay);
    if (rate == 0.0) continue;
    const LocatedVar parameter{part.parameters[i], where};
    part.grads[i] = LocatedVar{part.grads[i], where} + parameter * rate;
  }
}

}  // namespace

Adam::Adam(const AdamOptions& options)
    : options_(options), groups_(options.groups), learning_rate_(options.learning_rate) {
  require_fraction("beta1", options.beta1);
  require_fraction("beta2", options.beta2);
  require_weight_decay(options.weight_decay);
  require_clip_norm(options.clip_norm);
  require_positive_epsilon(options.epsilon);
}

void Adam::update(std::span<const Var> parameters, std::span<const Var> grads, const SourceLocation& where) {
  require_parameters("Adam", parameters, where);
  const Var learning_rate = learning_rate_.record(parameters[0].tape());
  const auto clipped_grads = clipped(grads, options_.clip_norm, where);
  for (auto& part : groups_.divide(parameters, clipped_grads, learning_rate, options_.weight_decay, where)) {
    const auto means = means_.record(part.parameters);
    const auto variances = variances_.record(part.parameters);
    if (!options_.decoupled) add_decay(part, options_.decay, where);
    adam_update({.parameters = part.parameters, .means = means, .variances = variances, .grads = part.grads},
                part.learning_rate, steps_.record(part.parameters),
                {.beta1 = options_.beta1,
                 .beta2 = options_.beta2,
                 .epsilon = options_.epsilon,
                 .weight_decay = options_.decoupled ? part.weight_decay : 0.0,
                 .decay = options_.decay},
                where);
  }
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
