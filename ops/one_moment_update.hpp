#pragma once

#include <fmt/format.h>

#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/ops/parameter_update.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/weight_decay.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The operator behind the updates that keep one array for each parameter. Inputs: the learning rate, then all
/// parameters, all moments and all gradients.
///
/// Rule holds the settings, `weight_decay` and `decay` among them, has a `name`, and its
/// `sweep(stretch, learning_rate)` updates parameter, moment and gradient, 0, 1 and 2 of the stretch, and says
/// whether parameter and moment are finite then.
template <class Rule>
class OneMomentUpdateOp final : public Operator {
 public:
  OneMomentUpdateOp(const Rule& rule, std::size_t parameters) : rule_(rule), parameters_(parameters) {}
  [[nodiscard]] std::string_view name() const override { return Rule::name; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_shape(inputs[0], Shape{}, "learning_rate");
    require_dtype(inputs[0], DType::f64, "learning_rate");
    if (parameters_ == 0) throw ShapeError{"there are no parameters to update"};
    require_same_float(inputs.subspan(1));
    for (std::size_t i = 0; i < parameters_; ++i) {
      const auto& shape = inputs[input(0, i)].shape;
      require_shape(inputs[input(1, i)], shape, "a moment");
      require_shape(inputs[input(2, i)], shape, "a gradient");
    }
    return {};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.input_type(1).dtype == DType::f64 ? sweep<double>(binding) : sweep<float>(binding);
  }

  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType>) const override {
    return input_range(1, input(2, 0));
  }

  [[nodiscard]] std::vector<std::size_t> adjacent(std::span<const ValueType> inputs) const override {
    return input_range(input(2, 0), inputs.size());
  }

 private:
  // The input that is array `k` of parameter `i`: itself, its moment, its gradient.
  [[nodiscard]] std::size_t input(std::size_t k, std::size_t i) const { return 1 + k * parameters_ + i; }

  template <class T>
  [[nodiscard]] Kernel sweep(const Binding& binding) const {
    std::vector<StretchSlots<T, 3>> parameters;
    for (std::size_t i = 0; i < parameters_; ++i) {
      const auto& shape = binding.input_type(input(0, i)).shape;
      auto& slots = parameters.emplace_back();
      for (std::size_t k = 0; k < 3; ++k) slots.slots[k] = binding.input<T>(input(k, i));
      slots.count = shape.elements();
      slots.weight_decay = weight_decay_of(shape, rule_.weight_decay, rule_.decay);
    }
    return {[parameters, rule = rule_, rate = binding.input<const double>(0)] {
              const double learning_rate = *rate.get();
              update_stretches(
                  parameters,
                  [&](const Stretch<T, 3>& stretch) { return rule.sweep(stretch, learning_rate); },
                  [&] { fail(parameters, learning_rate); });
            },
            "loop"};
  }

  template <class T>
  [[noreturn]] static void fail(const std::vector<StretchSlots<T, 3>>& parameters, double learning_rate) {
    const auto grads = magnitudes_of(parameters, 2);
    require_finite_inputs(grads, learning_rate, static_cast<double>(std::numeric_limits<T>::max()));
    throw NonFiniteError{fmt::format(
        "a parameter or its moment is not finite though all gradients are, of which the largest is {:.3g}: it "
        "was not before, or the training diverged at a learning rate of {:.3g}; the parameters are lost",
        grads.largest, learning_rate)};
  }

  Rule rule_;
  std::size_t parameters_;
};

/// Records it over all parameters.
template <class Rule>
void record_one_moment_update(const Rule& rule, std::span<const Var> parameters, std::span<const Var> moments,
                              std::span<const Var> grads, const Var& learning_rate,
                              const SourceLocation& where) {
  if (parameters.size() != moments.size() || parameters.size() != grads.size()) {
    throw Error{fmt::format("{} at {}: {}, {} and {} must correspond", Rule::name, describe(where),
                            counted(parameters.size(), "parameter"), counted(moments.size(), "moment"),
                            counted(grads.size(), "gradient"))};
  }
  std::vector<Var> inputs{learning_rate};
  for (const auto& group : {parameters, moments, grads})
    inputs.insert(inputs.end(), group.begin(), group.end());
  learning_rate.tape().record(std::make_shared<OneMomentUpdateOp<Rule>>(rule, parameters.size()), inputs,
                              where);
}

}  // namespace keel

#pragma GCC visibility pop
