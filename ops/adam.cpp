#include "keel/ops/adam.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/graph/tape.hpp"
#include "keel/ops/parameter_update.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// What is the same for every element in step `t`, but for the decay.
template <class T>
loops::AdamStep<T> step_of(const AdamSettings& settings, double learning_rate, double t) {
  const double mean_weights = 1.0 - std::pow(settings.beta1, t);  // of all gradients so far, summed
  const double variance_weights = 1.0 - std::pow(settings.beta2, t);
  return {.shrinkage = T{1},
          .rate = static_cast<T>(learning_rate / mean_weights),
          .beta1 = static_cast<T>(settings.beta1),
          .grad_weight = static_cast<T>(1.0 - settings.beta1),
          .beta2 = static_cast<T>(settings.beta2),
          .square_weight = static_cast<T>(1.0 - settings.beta2),
          .root_scale = static_cast<T>(1.0 / std::sqrt(variance_weights)),
          .epsilon = static_cast<T>(settings.epsilon)};
}

template <class T>
Kernel sweep(const AdamUpdateOp& op, const Binding& binding) {
  const auto& settings = op.settings();
  std::vector<StretchSlots<T, 4>> parameters;
  for (std::size_t i = 0; i < op.parameters(); ++i) {
    const auto& shape = binding.input_type(op.input(0, i)).shape;
    auto& slots = parameters.emplace_back();
    for (std::size_t k = 0; k < 4; ++k) slots.slots[k] = binding.input<T>(op.input(k, i));
    slots.count = shape.elements();
    slots.weight_decay = weight_decay_of(shape, settings.weight_decay, settings.decay);
  }
  return {
      [parameters, settings, rate = binding.input<const double>(0), steps_done = binding.input<double>(1)] {
        const double learning_rate = *rate.get();
        *steps_done.get() += 1.0;
        const auto step = step_of<T>(settings, learning_rate, *steps_done.get());
        update_stretches(parameters, [&](const Stretch<T, 4>& stretch) {
          auto own = step;
          own.shrinkage = static_cast<T>(1.0 - learning_rate * stretch.weight_decay);
          const auto& [parameter, mean, variance, grad] = stretch.data;
          return loops::adam_sweep(parameter, mean, variance, grad, stretch.count, own);
        });
      },
      "loop"};
}

}  // namespace

std::vector<ValueType> AdamUpdateOp::infer(std::span<const ValueType> inputs) const {
  constexpr std::array scalars{"learning_rate", "step"};
  for (std::size_t i = 0; i < scalars.size(); ++i) {
    require_shape(inputs[i], Shape{}, scalars[i]);
    require_dtype(inputs[i], DType::f64, scalars[i]);
  }
  if (parameters_ == 0) throw ShapeError{"there are no parameters to update"};
  require_same_float(inputs.subspan(2));
  for (std::size_t i = 0; i < parameters_; ++i) {
    const auto& shape = inputs[input(0, i)].shape;
    require_shape(inputs[input(1, i)], shape, "a mean");
    require_shape(inputs[input(2, i)], shape, "a variance");
    require_shape(inputs[input(3, i)], shape, "a gradient");
  }
  return {};
}

Kernel AdamUpdateOp::bind(const Binding& binding) const {
  return binding.input_type(2).dtype == DType::f64 ? sweep<double>(*this, binding)
                                                   : sweep<float>(*this, binding);
}

std::vector<std::size_t> AdamUpdateOp::mutates(std::span<const ValueType>) const {
  return input_range(1, input(3, 0));
}

std::vector<std::size_t> AdamUpdateOp::adjacent(std::span<const ValueType> inputs) const {
  return input_range(input(3, 0), inputs.size());
}

void adam_update(const AdamArrays& arrays, const Var& learning_rate, const Var& step,
                 const AdamSettings& settings, const SourceLocation& where) {
  const auto& [parameters, means, variances, grads] = arrays;
  const auto count = parameters.size();
  if (means.size() != count || variances.size() != count || grads.size() != count) {
    throw Error{fmt::format(
        "adam_update at {}: {} parameters, {} means, {} variances and {} gradients must correspond",
        describe(where), count, means.size(), variances.size(), grads.size())};
  }
  std::vector<Var> inputs{learning_rate, step};
  for (const auto& group : {parameters, means, variances, grads})
    inputs.insert(inputs.end(), group.begin(), group.end());
  learning_rate.tape().record(std::make_shared<AdamUpdateOp>(settings, count), inputs, where);
}

}  // namespace keel
