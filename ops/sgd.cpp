#include "keel/ops/sgd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "keel/graph/tape.hpp"
#include "keel/ops/parameter_update.hpp"
#include "keel/ops/sgd_op.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// A velocity that a product adds the gradient to tells of that one, too.
template <class T>
[[noreturn]] void fail(const std::vector<StretchSlots<T, 3>>& parameters, double learning_rate) {
  constexpr auto most = static_cast<double>(std::numeric_limits<T>::max());
  const auto grads = magnitudes_of(parameters, 2);
  require_finite_inputs(grads, learning_rate, most);
  const auto velocities = magnitudes_of(parameters, 1);
  const bool all_known =
      std::ranges::all_of(parameters, [](const auto& p) { return p.slots[2].has_value(); });
  if (all_known && !velocities.all_finite) {
    throw NonFiniteError{fmt::format(
        "a velocity is not finite though all gradients are, of which the largest is {:.3g}: it grew "
        "beyond {:.3g}, the largest number of its element type, or a parameter was not finite; bound "
        "the gradients by clip_norm, or scale the loss down; the parameters are lost",
        grads.largest, most)};
  }
  throw NonFiniteError{
      fmt::format("a gradient or a parameter is not finite: the input was not, or the training diverged, "
                  "with velocities of up to {:.3g} at a learning rate of {:.3g}; the parameters are lost",
                  velocities.largest, learning_rate)};
}

template <class T>
Kernel sweep(const SgdUpdateOp& op, const Binding& binding) {
  std::vector<StretchSlots<T, 3>> parameters;
  for (std::size_t i = 0; i < op.accumulated().size(); ++i) {
    const auto& shape = binding.input_type(SgdUpdateOp::parameter_input(i)).shape;
    auto& slots = parameters.emplace_back();
    slots.slots[0] = binding.input<T>(SgdUpdateOp::parameter_input(i));
    slots.slots[1] = binding.input<T>(op.velocity_input(i));
    if (const auto grad = op.grad_input(i)) slots.slots[2] = binding.input<T>(*grad);
    slots.count = shape.elements();
    slots.weight_decay = weight_decay_of(shape, op.settings().weight_decay, op.settings().decay);
  }
  return {[parameters, settings = op.settings(), rate = binding.input<const double>(0)] {
            update_stretches(
                parameters,
                [&, learning_rate = static_cast<T>(*rate.get())](const Stretch<T, 3>& stretch) {
                  const auto& [parameter, velocity, grad] = stretch.data;
                  return loops::sgd_sweep(parameter, velocity, grad, stretch.count,
                                          {.learning_rate = learning_rate,
                                           .momentum = static_cast<T>(settings.momentum),
                                           .weight_decay = static_cast<T>(stretch.weight_decay),
                                           .nesterov = settings.nesterov});
                },
                [&] { fail(parameters, *rate.get()); });
          },
          "loop"};
}

}  // namespace

std::optional<std::size_t> SgdUpdateOp::grad_input(std::size_t i) const {
  if (accumulated_[i]) return std::nullopt;
  const auto before =
      std::count(accumulated_.begin(), accumulated_.begin() + static_cast<std::ptrdiff_t>(i), false);
  return 1 + 2 * accumulated_.size() + static_cast<std::size_t>(before);
}

std::vector<ValueType> SgdUpdateOp::infer(std::span<const ValueType> inputs) const {
  require_shape(inputs[0], Shape{}, "learning_rate");
  require_dtype(inputs[0], DType::f64, "learning_rate");
  if (accumulated_.empty()) throw ShapeError{"there are no parameters to update"};
  require_same_float(inputs.subspan(1));
  for (std::size_t i = 0; i < accumulated_.size(); ++i) {
    const auto& shape = inputs[parameter_input(i)].shape;
    require_shape(inputs[velocity_input(i)], shape, "a velocity");
    if (const auto grad = grad_input(i)) require_shape(inputs[*grad], shape, "a gradient");
  }
  return {};
}

Kernel SgdUpdateOp::bind(const Binding& binding) const {
  return binding.input_type(1).dtype == DType::f64 ? sweep<double>(*this, binding)
                                                   : sweep<float>(*this, binding);
}

std::vector<std::size_t> SgdUpdateOp::mutates(std::span<const ValueType>) const {
  return input_range(1, 1 + 2 * accumulated_.size());
}

std::vector<std::size_t> SgdUpdateOp::adjacent(std::span<const ValueType> inputs) const {
  return input_range(1 + 2 * accumulated_.size(), inputs.size());
}

void sgd_update(std::span<const Var> parameters, std::span<const Var> velocities, std::span<const Var> grads,
                const Var& learning_rate, const SgdSettings& settings, const SourceLocation& where) {
  if (parameters.size() != velocities.size() || parameters.size() != grads.size()) {
    throw Error{fmt::format("sgd_update at {}: {}, {} and {} must correspond", describe(where),
                            counted(parameters.size(), "parameter"),
                            counted(velocities.size(), "velocity", "velocities"),
                            counted(grads.size(), "gradient"))};
  }
  std::vector<Var> inputs{learning_rate};
  for (const auto& group : {parameters, velocities, grads})
    inputs.insert(inputs.end(), group.begin(), group.end());
  const auto op = std::make_shared<SgdUpdateOp>(settings, std::vector<bool>(parameters.size(), false));
  learning_rate.tape().record(op, inputs, where);
}

}  // namespace keel
