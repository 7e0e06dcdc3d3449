#include "keel/models/adam.hpp"

#include <algorithm>
#include <cstddef>

#include "keel/ops/arithmetic.hpp"

namespace keel {
namespace {

// What is kept for each parameter, by number.
enum Array : std::size_t { means, variances, steps_done };

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
    : OptimizerBase("Adam", options,
                    {Moments{"mean", PageOffset::quarter}, Moments{"variance", PageOffset::three_quarters},
                     Moments{"step", PageOffset::none, ValueType{Shape{}, DType::f64}}}),
      options_(options) {
  require_fraction("beta1", options.beta1);
  require_fraction("beta2", options.beta2);
  require_positive_epsilon(options.epsilon);
}

void Adam::update(std::span<const Var> parameters, std::span<const Var> grads, const SourceLocation& where) {
  for (auto& part : parts(parameters, grads, where)) {
    const auto first = array(means).record(part.parameters);
    const auto second = array(variances).record(part.parameters);
    if (!options_.decoupled) add_decay(part, options_.decay, where);
    adam_update({.parameters = part.parameters, .means = first, .variances = second, .grads = part.grads},
                part.learning_rate, array(steps_done).record(part.parameters),
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
  for (const auto& count : array(steps_done).all()) most = std::max(most, count.data<double>()[0]);
  return static_cast<std::int64_t>(most);
}

}  // namespace keel
