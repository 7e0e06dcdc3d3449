#include "keel/graph/tape.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <initializer_list>

#include "keel/runtime/error.hpp"

namespace keel {

Tape& Var::tape() const {
  if (tape_ == nullptr) throw Error{"an undefined Var was used; assign it the result of an operator first"};
  if (life_.expired()) throw Error{fmt::format("value {} was used after its tape was destroyed", id_)};
  return *tape_;
}

ValueType Var::type() const {
  return tape().program().values[id_].type;
}

Var Tape::var(std::size_t id) {
  return Var{*this, life_, id};
}

Var Tape::append(Value value) {
  program_.values.push_back(std::move(value));
  return var(program_.values.size() - 1);
}

Var Tape::input(ValueType type, std::string name) {
  return append({.type = type, .kind = ValueKind::input, .name = std::move(name), .storage = {}});
}

Var Tape::stored(const Tensor& tensor, std::string name) {
  if (!tensor.defined()) {
    throw NoValuesError{fmt::format(
        "the tensor '{}' that was to be stored on a tape has no values: where it is a parameter's, "
        "call keel::initialize on the model first; else it was moved from, or never given any",
        name)};
  }
  const bool is_empty = tensor.shape().elements() == 0;
  const std::pair key{std::as_const(tensor).bytes(), is_empty ? tensor.type() : ValueType{}};
  const auto known = stored_.find(key);
  if (known != stored_.end()) {
    const auto& type = program_.values[known->second].type;
    if (type == tensor.type()) return var(known->second);
    throw Error{fmt::format("'{}' is {}, but the same memory is on the tape as {}", name,
                            to_string(tensor.type()), to_string(type))};
  }
  Var added =
      append({.type = tensor.type(), .kind = ValueKind::stored, .name = std::move(name), .storage = tensor});
  stored_.emplace(key, added.id());
  return added;
}

Var Tape::constant(double value, DType dtype) {
  const auto [known, is_new] = constants_.try_emplace({std::bit_cast<std::uint64_t>(value), dtype});
  if (is_new) {
    const auto scalar = dtype == DType::f64 ? Tensor::of<double>({}, {value})
                                            : Tensor::of<float>({}, {static_cast<float>(value)});
    known->second = stored(scalar, fmt::format("{}", value)).id();
  }
  return var(known->second);
}

namespace {

// "linear(f32 (64, 784), f32 (10, 784)) at net.cpp:12"
std::string describe_call(const Operator& op, std::span<const ValueType> types, const SourceLocation& where) {
  std::vector<std::string> texts;
  for (const auto& type : types) texts.push_back(to_string(type));
  return fmt::format("{}({}) at {}", op.name(), fmt::join(texts, ", "), describe(where));
}

}  // namespace

std::vector<Var> Tape::record(std::shared_ptr<const Operator> op, std::span<const Var> inputs,
                              const SourceLocation& where) {
  Node node{.op = std::move(op), .inputs = {}, .outputs = {}, .where = where};
  for (const auto& input : inputs) {
    if (&input.tape() != this) {
      throw Error{
          fmt::format("{} at {}: its inputs are on different tapes", node.op->name(), describe(where))};
    }
    node.inputs.push_back(input.id());
  }
  const auto input_types = program_.types(node.inputs);
  for (const auto index : node.op->mutates(input_types)) {
    if (program_.values[node.inputs[index]].kind == ValueKind::stored) continue;
    throw Error{fmt::format("{}: input {} would be overwritten, but is not a stored value",
                            describe_call(*node.op, input_types, where), index)};
  }
  std::vector<Var> outputs;
  try {
    for (const auto& type : node.op->infer(input_types)) {
      outputs.push_back(append({.type = type, .kind = ValueKind::intermediate, .name = {}, .storage = {}}));
      node.outputs.push_back(outputs.back().id());
    }
  } catch (const ShapeError& error) {
    throw ShapeError{fmt::format("{}: {}", describe_call(*node.op, input_types, where), error.what())};
  }
  program_.nodes.push_back(std::move(node));
  return outputs;
}

Var Tape::record_one(std::shared_ptr<const Operator> op, std::span<const Var> inputs,
                     const SourceLocation& where) {
  return record(std::move(op), inputs, where).at(0);
}

Var record(std::shared_ptr<const Operator> op, std::initializer_list<Var> inputs,
           const SourceLocation& where) {
  return inputs.begin()->tape().record_one(std::move(op), std::span{inputs.begin(), inputs.size()}, where);
}

}  // namespace keel
