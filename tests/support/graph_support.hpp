#pragma once

// What the tests of runtime/ and graph/ share: random tensors, error texts, and operators made up for a test.

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/graph/plan.hpp"
#include "keel/graph/tape.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/runtime/tensor.hpp"
#include "random_tensor.hpp"

namespace keel::testing {

using test::random_tensor;

/// The elements of an f32 or f64 tensor, for comparisons.
inline std::vector<double> values_of(const Tensor& tensor) {
  if (tensor.dtype() == DType::f64) {
    const auto data = tensor.data<double>();
    return {data.begin(), data.end()};
  }
  const auto data = tensor.data<float>();
  return {data.begin(), data.end()};
}

/// The text of the E that `action` throws; what else it throws is passed on.
template <class E, class Action>
std::string text_of(const Action& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing was thrown";
}

/// What one run computes for values on one tape that need no input bound.
inline std::vector<std::vector<double>> computed(std::span<const Var> vars, const PlanOptions& options = {}) {
  Plan plan{vars[0].tape(), vars, options};
  plan.run();
  std::vector<std::vector<double>> results;
  for (std::size_t i = 0; i < vars.size(); ++i) results.push_back(values_of(plan.output(i)));
  return results;
}

/// The same for one value.
inline std::vector<double> computed(const Var& var, const PlanOptions& options = {}) {
  return computed(std::span{&var, 1}, options).at(0);
}

/// The operator that computes a value.
inline std::shared_ptr<const Operator> operator_of(const Var& var) {
  for (const auto& node : var.tape().program().nodes)
    if (std::ranges::count(node.outputs, var.id()) > 0) return node.op;
  return nullptr;
}

/// An operator made up for a test. Whatever is left out is that of a copy of the first input.
struct CustomOp final : Operator {
  struct Behavior {
    std::string name = "custom";
    std::function<std::vector<ValueType>(std::span<const ValueType>)> infer;
    std::function<Kernel(const Binding&)> bind;
    std::function<std::vector<Var>(const VjpContext&)> vjp;
    std::function<std::vector<Var>(std::span<const Var>)> expand;
    std::vector<std::size_t> mutates;
    std::vector<std::size_t> may_overwrite;
    std::vector<std::size_t> adjacent;
    bool begins_early = false;
  };

  explicit CustomOp(Behavior what) : behavior(std::move(what)) {}

  [[nodiscard]] std::string_view name() const override { return behavior.name; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return behavior.infer ? behavior.infer(inputs) : std::vector{inputs[0]};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    if (behavior.bind) return behavior.bind(binding);
    return {[&from = binding.input_slot(0), &to = binding.output_slot(0),
             bytes = binding.output_type(0).bytes()] {
              std::copy_n(static_cast<const std::byte*>(from.data()), bytes,
                          static_cast<std::byte*>(to.data()));
            },
            "copy"};
  }
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return behavior.vjp ? behavior.vjp(context) : Operator::vjp(context);
  }
  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override {
    return behavior.expand ? behavior.expand(inputs) : Operator::expand(inputs, where);
  }
  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType>) const override {
    return behavior.mutates;
  }
  [[nodiscard]] bool may_overwrite(std::size_t input) const override {
    return std::ranges::count(behavior.may_overwrite, input) > 0;
  }
  [[nodiscard]] std::vector<std::size_t> adjacent(std::span<const ValueType>) const override {
    return behavior.adjacent;
  }
  [[nodiscard]] bool begins_early() const override { return behavior.begins_early; }

  const Behavior behavior;
};

/// A function of one f64 array, to be the `bind` of a made-up operator.
using Loop = std::function<void(std::span<const double> src, std::span<double> dst)>;

inline std::function<Kernel(const Binding&)> kernel_of(Loop loop) {
  return [loop = std::move(loop)](const Binding& binding) {
    const auto elements = [](const ValueType& type) {
      return static_cast<std::size_t>(type.shape.elements());
    };
    return Kernel{[loop, src = binding.input<const double>(0), dst = binding.output<double>(0),
                   from = elements(binding.input_type(0)), to = elements(binding.output_type(0))] {
                    loop({src.get(), from}, {dst.get(), to});
                  },
                  "loop"};
  };
}

/// Records a made-up operator and returns its outputs.
inline std::vector<Var> record_custom(CustomOp::Behavior behavior, std::initializer_list<Var> inputs,
                                      const SourceLocation& where = SourceLocation::current()) {
  return inputs.begin()->tape().record(std::make_shared<CustomOp>(std::move(behavior)), inputs, where);
}

/// The same for one output.
inline Var custom(CustomOp::Behavior behavior, std::initializer_list<Var> inputs,
                  const SourceLocation& where = SourceLocation::current()) {
  return record_custom(std::move(behavior), inputs, where).at(0);
}

/// An operator without inputs worth computing with: it mutates `target`, which keeps it from being dropped.
inline void record_effect(const Var& target, std::string name, std::function<void(double*)> effect,
                          const SourceLocation& where = SourceLocation::current()) {
  const auto no_outputs = [](std::span<const ValueType>) { return std::vector<ValueType>{}; };
  const auto bind = [effect = std::move(effect)](const Binding& binding) {
    return Kernel{[effect, values = binding.input<double>(0)] { effect(values.get()); }, "loop"};
  };
  record_custom({.name = std::move(name), .infer = no_outputs, .bind = bind, .mutates = {0}}, {target},
                where);
}

}  // namespace keel::testing
