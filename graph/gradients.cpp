#include "keel/graph/gradients.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <string>

#include "keel/graph/accumulate.hpp"
#include "keel/graph/tape.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

Tensor filled(const ValueType& type, double value) {
  Tensor tensor{type};
  if (type.dtype == DType::f64) std::ranges::fill(tensor.data<double>(), value);
  if (type.dtype == DType::f32) std::ranges::fill(tensor.data<float>(), static_cast<float>(value));
  return tensor;
}

// Something of each value that is on a tape now: an array from value `first` on, and of those before what was asked for.
template <class T>
class OfValues {
 public:
  OfValues(std::size_t first, std::size_t values) : first_(first), recent_(values - first) {}
  T& operator[](std::size_t id) { return id < first_ ? earlier_[id] : recent_[id - first_]; }

 private:
  std::size_t first_;
  std::vector<T> recent_;
  std::map<std::size_t, T> earlier_;
};

// Where a part of a tape begins.
struct Start {
  std::size_t node = 0;
  std::size_t value = 0;
};

// One backward walk over the nodes that stand on the tape when it starts, back to `start`.
class Backward {
 public:
  Backward(Tape& tape, std::span<const Var> wrt, const Start& start = {})
      : tape_(tape),
        first_node_(start.node),
        node_count_(tape.program().nodes.size()),
        depends_(start.value, tape.program().values.size()),
        contributions_(start.value, tape.program().values.size()),
        last_overwrite_(start.value, tape.program().values.size()) {
    for (const auto& var : wrt) depends_[var.id()] = 1;
    for (std::size_t i = first_node_; i < node_count_; ++i) {
      const auto& node = tape.program().nodes[i];
      if (node.op->stops_gradients()) continue;
      if (!std::ranges::any_of(node.inputs, [&](auto id) { return depends_[id] != 0; })) continue;
      for (const auto id : node.outputs) depends_[id] = 1;
    }
  }

  void seed(const Var& output, const Var& grad) { contributions_[output.id()].push_back(grad); }

  void walk() {
    find_last_overwrites();
    for (std::size_t i = node_count_; i-- > first_node_;) {
      // A copy: the nodes that the derivative appends may move the original.
      const Node node = tape_.program().nodes[i];
      const bool reached =
          std::ranges::any_of(node.outputs, [&](auto id) { return !contributions_[id].empty(); });
      const bool wanted = std::ranges::any_of(node.inputs, [&](auto id) { return depends_[id] != 0; });
      if (reached && wanted && !node.op->stops_gradients()) differentiate(node, i);
    }
  }

  /// The sum of what was contributed to value `id`; undefined when nothing was.
  Var grad(std::size_t id, const SourceLocation& where) {
    auto& terms = contributions_[id];
    if (terms.empty()) return {};
    if (terms.size() > 1) terms = {accumulate(terms, where)};
    return terms[0];
  }

 private:
  void find_last_overwrites() {
    for (std::size_t i = first_node_; i < node_count_; ++i) {
      for (const auto id : tape_.program().mutated_by(tape_.program().nodes[i])) last_overwrite_[id] = i;
    }
  }

  void differentiate(const Node& node, std::size_t index) {
    std::vector<Var> inputs;
    std::vector<Var> outputs;
    std::vector<Var> output_grads;
    const auto needed = std::make_unique<bool[]>(node.inputs.size());
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto id = node.inputs[i];
      if (last_overwrite_[id] && *last_overwrite_[id] > index) throw overwritten(node, id);
      inputs.push_back(tape_.var(id));
      needed[i] = depends_[id] != 0;
    }
    for (const auto id : node.outputs) {
      outputs.push_back(tape_.var(id));
      output_grads.push_back(grad(id, node.where));
    }
    const VjpContext context{.inputs = inputs,
                             .outputs = outputs,
                             .output_grads = output_grads,
                             .needed = {needed.get(), node.inputs.size()},
                             .where = node.where};
    try {
      contribute(context, node.op->vjp(context));
    } catch (const ShapeError& error) {
      throw ShapeError{blamed(node, error)};
    } catch (const std::exception& error) {
      throw Error{blamed(node, error)};
    }
  }

  static std::string blamed(const Node& node, const std::exception& error) {
    return fmt::format("the derivative of {} at {}: {}", node.op->name(), describe(node.where), error.what());
  }

  void contribute(const VjpContext& context, std::span<const Var> grads) {
    const auto inputs = context.inputs;
    if (grads.size() != inputs.size()) {
      throw Error{
          fmt::format("its vjp returned {} for {}; "
                      "it must return one for each input, undefined where it is zero",
                      counted(grads.size(), "gradient"), counted(inputs.size(), "input"))};
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!grads[i].defined() || !context.needed[i]) continue;
      if (&grads[i].tape() != &tape_) {
        throw Error{fmt::format("its vjp returned a gradient for input {} that is on another tape", i)};
      }
      if (grads[i].type() != inputs[i].type()) {
        throw Error{fmt::format("its vjp returned {} for input {}, which is {}", to_string(grads[i].type()),
                                i, to_string(inputs[i].type()))};
      }
      contributions_[inputs[i].id()].push_back(grads[i]);
    }
  }

  [[nodiscard]] Error overwritten(const Node& node, std::size_t id) {
    const auto& program = tape_.program();
    const auto& writer = program.nodes[*last_overwrite_[id]];
    return Error{fmt::format(
        "the derivative of {} at {} needs '{}', which {} at {} overwrites; record gradients before updates",
        node.op->name(), describe(node.where), program.values[id].name, writer.op->name(),
        describe(writer.where))};
  }

  Tape& tape_;
  std::size_t first_node_;
  std::size_t node_count_;
  OfValues<char> depends_;  // whether it is a function of one of wrt
  OfValues<std::vector<Var>> contributions_;
  OfValues<std::optional<std::size_t>> last_overwrite_;  // the last node that writes into it
};

// What an operator's author may have got wrong.
void require_outputs_of(const VjpContext& context, std::span<const Var> expanded) {
  const auto outputs = context.outputs;
  if (expanded.size() != outputs.size()) {
    throw Error{fmt::format("its expand returned {}; the operator has {}", counted(expanded.size(), "output"),
                            outputs.size())};
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!expanded[i].defined() || &expanded[i].tape() != &outputs[i].tape()) {
      throw Error{fmt::format("its expand returned an output {} that is {}", i,
                              expanded[i].defined() ? "on another tape" : "undefined")};
    }
    if (context.output_grads[i].defined() && expanded[i].type() != outputs[i].type()) {
      throw Error{fmt::format("no gradient flows through its output {}, {}: its expand returned {} for it", i,
                              to_string(outputs[i].type()), to_string(expanded[i].type()))};
    }
  }
}

}  // namespace

// The walk ends where the expansion begins: its inputs may depend on each other, but are given here. One that
// is given twice gets its whole gradient the first time.
std::vector<Var> Operator::vjp(const VjpContext& context) const {
  Tape& tape = context.inputs[0].tape();
  const Start start{.node = tape.program().nodes.size(), .value = tape.program().values.size()};
  const auto outputs = expand(context.inputs, context.where);
  if (outputs.empty()) {
    throw Error{
        fmt::format("{} has no derivative: compute what needs none from it, or give it a vjp", name())};
  }
  require_outputs_of(context, outputs);
  std::vector<Var> wrt;
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    if (context.needed[i]) wrt.push_back(context.inputs[i]);
  }
  Backward backward{tape, wrt, start};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (context.output_grads[i].defined()) backward.seed(outputs[i], context.output_grads[i]);
  }
  backward.walk();
  std::vector<Var> grads(context.inputs.size());
  for (std::size_t i = 0; i < grads.size(); ++i) {
    const auto id = context.inputs[i].id();
    const bool is_repeated = std::ranges::count(context.inputs.first(i), id, &Var::id) > 0;
    if (context.needed[i] && !is_repeated) grads[i] = backward.grad(id, context.where);
  }
  return grads;
}

std::vector<Var> gradients(const Var& loss, std::span<const Var> wrt, const SourceLocation& where) {
  if (loss.shape().elements() != 1) {
    throw ShapeError{
        fmt::format("gradients at {}: the loss must be a scalar but is {}; reduce it with mean or sum",
                    describe(where), to_string(loss.type()))};
  }
  const Var one = loss.tape().stored(filled(loss.type(), 1.0), "one");
  return gradients(std::span{&loss, 1}, std::span{&one, 1}, wrt, where);
}

std::vector<Var> gradients(std::span<const Var> outputs, std::span<const Var> output_grads,
                           std::span<const Var> wrt, const SourceLocation& where) {
  if (outputs.empty() || outputs.size() != output_grads.size()) {
    throw Error{fmt::format("gradients at {}: {} with {}; give one gradient for each output", describe(where),
                            counted(outputs.size(), "output"), counted(output_grads.size(), "gradient"))};
  }
  Tape& tape = outputs[0].tape();
  for (const auto vars : {outputs, output_grads, wrt}) {
    for (const auto& var : vars) {
      if (&var.tape() != &tape)
        throw Error{fmt::format("gradients at {}: its values are on different tapes", describe(where))};
    }
  }
  Backward backward{tape, wrt};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].type() != output_grads[i].type()) {
      throw ShapeError{fmt::format("gradients at {}: output {} is {} but its gradient is {}", describe(where),
                                   i, to_string(outputs[i].type()), to_string(output_grads[i].type()))};
    }
    backward.seed(outputs[i], output_grads[i]);
  }
  backward.walk();
  std::vector<Var> result;
  for (const auto& var : wrt) {
    const Var grad = backward.grad(var.id(), where);
    result.push_back(grad.defined() ? grad : tape.stored(filled(var.type(), 0.0), "zeros"));
  }
  return result;
}

}  // namespace keel
