#include "keel/graph/gradcheck_operators.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "keel/graph/gradcheck_derivative.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// Goes through a function's program node by node, as a plan would, and checks each on its way.
class OperatorWalk {
 public:
  OperatorWalk(const CheckedFunction& checked, std::span<const std::size_t> from,
               const GradcheckOptions& options)
      : options_(options), tape_(checked.mode) {
    const auto inputs = checked.on(tape_);
    values_ = checked.inputs;
    const auto outputs = checked.function(checked.arguments(inputs));
    const auto& program = tape_.program();
    state_.add(program);
    values_.resize(program.values.size());
    for (std::size_t id = 0; id < values_.size(); ++id) {
      if (program.values[id].kind == ValueKind::stored) values_[id] = program.values[id].storage;
    }
    mark_the_way(from, outputs);
  }

  OperatorChecks run() {
    for (const auto& node : tape_.program().nodes) {
      check(node);
      evaluate(node);
    }
    return std::move(found_);
  }

 private:
  void mark_the_way(std::span<const std::size_t> from, std::span<const Var> to) {
    const auto& nodes = tape_.program().nodes;
    depends_.assign(values_.size(), false);
    matters_.assign(values_.size(), false);
    for (const auto input : from) depends_[input] = true;  // the inputs are the tape's first values
    for (const auto& node : nodes) {
      if (!any(depends_, node.inputs) || !passes_gradients(node)) continue;
      for (const auto id : node.outputs) depends_[id] = carries_a_derivative(id);
    }
    for (const auto& output : to) matters_[output.id()] = true;
    for (std::size_t left = nodes.size(); left > 0; --left) {
      const auto& node = nodes[left - 1];
      if (!any(matters_, node.outputs)) continue;
      for (const auto id : node.inputs) matters_[id] = carries_a_derivative(id);
    }
  }

  // Places and labels do not.
  [[nodiscard]] bool carries_a_derivative(std::size_t id) const {
    const auto dtype = tape_.program().values[id].type.dtype;
    return dtype == DType::f32 || dtype == DType::f64;
  }

  // Whether any of its inputs gets a gradient. What a comparison gives jumps from 0 to 1, which is no fault of the
  // operator that chooses by it.
  [[nodiscard]] bool passes_gradients(const Node& node) const {
    Tape tape{tape_.mode()};
    std::vector<Var> inputs;
    for (const auto id : node.inputs) inputs.push_back(tape.input(tape_.program().values[id].type));
    const auto outputs = record_alone(tape, node, inputs);
    std::vector<Var> output_grads;
    for (const auto& output : outputs) output_grads.push_back(tape.input(output.type()));
    const auto needed = std::make_unique<bool[]>(inputs.size());
    std::fill_n(needed.get(), inputs.size(), true);
    try {
      const auto grads =
          node.op->vjp({inputs, outputs, output_grads, {needed.get(), inputs.size()}, node.where});
      return std::ranges::any_of(grads, &Var::defined);
    } catch (const Error&) {
      return true;  // `check` says what is wrong
    }
  }

  static bool any(const std::vector<bool>& marked, const std::vector<std::size_t>& ids) {
    return std::ranges::any_of(ids, [&](auto id) { return marked[id]; });
  }

  void check(const Node& node) {
    if (!any(depends_, node.inputs) || !any(matters_, node.outputs)) return;
    try {
      const auto alone = function_of(node);
      if (alone.differentiated.empty()) throw Error{"gradcheck works in f64, but none of its inputs is"};
      const auto result = check_derivative(alone, options_);
      if (result.ok()) return note_what_is_hidden(node, result.inputs);
      GradcheckFault fault{.op = std::string{node.op->name()},
                           .where = node.where,
                           .inputs = result.inputs,
                           .inconsistencies = result.inconsistencies};
      std::erase_if(fault.inputs, [](const auto& input) { return input.ok; });
      if (fault.inconsistencies.empty() && std::ranges::none_of(fault.inputs, settled))
        return note_jumps(fault);
      found_.faults.push_back(std::move(fault));
    } catch (const Error& error) {
      found_.unchecked.push_back(
          fmt::format("{} at {}: {}", node.op->name(), describe(node.where), error.what()));
    }
  }

  static bool settled(const GradcheckInput& input) { return input.worst.settled; }

  // The derivative of a ReLU takes what the ReLU gave, and jumps where that is 0; that of a maximum jumps as soon
  // as the values and the largest of them move apart. In the function they never do.
  void note_jumps(const GradcheckFault& fault) {
    found_.jumps.push_back(fmt::format(
        "{} at {}: it jumps where it stands, or its derivative does, when its {} moves and its other inputs do not",
        fault.op, describe(fault.where), fault.inputs[0].name));
  }

  void note_what_is_hidden(const Node& node, std::span<const GradcheckInput> inputs) {
    for (const auto& input : inputs) {
      if (!input.hidden() || input.largest == 0.0) continue;
      found_.undecided.push_back(fmt::format(
          "{} at {}: its rounding hides what is smaller than {:.2g}, and the gradient of its {} is "
          "{:.2g} at the most",
          node.op->name(), describe(node.where), input.unknown, input.name, input.largest));
    }
  }

  // The node's inputs are the function's, so that those used twice are told apart; what it writes into stays
  // where it is. Its outputs are those on the way.
  [[nodiscard]] CheckedFunction function_of(const Node& node) const {
    CheckedFunction alone{.function = {}, .inputs = {}, .mode = tape_.mode(), .seed = options_.seed};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto& value = values_[node.inputs[i]];
      alone.inputs.push_back(value.clone());
      if (!depends_[node.inputs[i]]) continue;
      if (value.dtype() == DType::f64) alone.differentiated.push_back(i);
    }
    alone.function = [this, &node](std::span<const Var> inputs) {
      const auto outputs = record_alone(inputs[0].tape(), node, inputs);
      std::vector<Var> on_the_way;
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (matters_[node.outputs[i]]) on_the_way.push_back(outputs[i]);
      }
      return on_the_way;
    };
    return alone;
  }

  std::vector<Var> record_alone(Tape& tape, const Node& node, std::span<const Var> inputs) const {
    const auto mutated = tape_.program().mutated_by(node);
    std::vector<Var> arguments{inputs.begin(), inputs.end()};
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (std::ranges::count(mutated, node.inputs[i]) > 0)
        arguments[i] = tape.stored(values_[node.inputs[i]]);
    }
    return tape.record(node.op, arguments, node.where);
  }

  void evaluate(const Node& node) {
    Tape tape{tape_.mode()};
    std::vector<Var> inputs;
    for (const auto id : node.inputs) inputs.push_back(tape.input(values_[id].type()));
    const auto outputs = record_alone(tape, node, inputs);
    Plan plan{tape, outputs};
    for (std::size_t i = 0; i < inputs.size(); ++i) plan.bind(inputs[i], values_[node.inputs[i]]);
    plan.run();
    for (std::size_t i = 0; i < outputs.size(); ++i) values_[node.outputs[i]] = plan.output(i).clone();
  }

  const GradcheckOptions& options_;
  Tape tape_;
  StoredState state_;
  std::vector<Tensor> values_;  // by number
  std::vector<bool> depends_;   // by value: changes with a differentiated input
  std::vector<bool> matters_;   // by value: an output of the function changes with it
  OperatorChecks found_;
};

}  // namespace

OperatorChecks check_operators(const CheckedFunction& checked, std::span<const std::size_t> from,
                               const GradcheckOptions& options) {
  return OperatorWalk{checked, from, options}.run();
}

}  // namespace keel
