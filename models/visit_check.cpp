#include "keel/models/visit_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "keel/runtime/error.hpp"

namespace keel::detail {
namespace {

// The innermost visited part whose own bytes the address is among; none where it lies elsewhere, in a
// container for one. What has a single member is as large as that, which comes behind it.
std::optional<std::size_t> innermost(std::span<const ModelPart> parts, const void* address) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i].contains(address) && (!found || parts[i].size <= parts[*found].size)) found = i;
  return found;
}

// "; it lies between 'fc1' and 'fc3'": members lie in memory as they are declared.
std::string neighbours(std::span<const ModelPart> parts, std::size_t owner, const void* address) {
  const auto* place = static_cast<const std::byte*>(address);
  const ModelPart* before = nullptr;
  const ModelPart* behind = nullptr;
  const std::less<> less;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto& part = parts[i];
    if (part.parent != owner || i == owner || !parts[owner].contains(part.begin)) continue;
    if (less(part.begin, place) && (before == nullptr || less(before->begin, part.begin))) before = &part;
    if (less(place, part.begin) && (behind == nullptr || less(part.begin, behind->begin))) behind = &part;
  }
  if (before != nullptr && behind != nullptr)
    return fmt::format(" (its member between '{}' and '{}')", before->name, behind->name);
  if (before != nullptr) return fmt::format(" (its member behind '{}')", before->name);
  if (behind != nullptr) return fmt::format(" (its member before '{}')", behind->name);
  return "";
}

// "the visit of 'block' leaves it out (its member behind 'norm')"
std::string what_leaves_out(std::span<const ModelPart> parts, const Parameter& parameter) {
  const auto owner = innermost(parts, &parameter);
  if (!owner) return "the model's visit, or that of a part of it, leaves it out";
  const auto path = path_of(parts, *owner);
  return fmt::format("{} leaves it out{}",
                     path.empty() ? "the model's visit" : fmt::format("the visit of '{}'", path),
                     neighbours(parts, *owner, &parameter));
}

bool has_no_values(const ModelPart& part) {
  return part.parameter != nullptr && !part.parameter->value().defined();
}

}  // namespace

void explain(const NoValuesError& error, std::span<const ModelPart> parts) {
  const auto* known = dynamic_cast<const ParameterWithoutValues*>(&error);
  if (known != nullptr) {
    const auto found = std::ranges::find(parts, &known->parameter(), &ModelPart::parameter);
    if (found != parts.end()) {
      throw NoValuesError{
          fmt::format("parameter '{}' has no values yet: call keel::initialize on the model first",
                      path_of(parts, static_cast<std::size_t>(found - parts.begin())))};
    }
  }
  if (std::ranges::any_of(parts, has_no_values)) throw;  // the model has not been initialized
  if (known != nullptr) {
    throw NoValuesError{fmt::format(
        "{} has no values: {}, so that keel::initialize, training and checkpoints pass it by; name it there",
        known->description(), what_leaves_out(parts, known->parameter()))};
  }
  throw NoValuesError{
      fmt::format("{}; where it is a parameter's and that was done, the model's visit, or that of a part of "
                  "it, leaves it "
                  "out, so that keel::initialize, training and checkpoints pass it by: name it there",
                  error.what())};
}

void require_visited(const Tape& tape, std::span<const ModelPart> parts) {
  std::set<const Parameter*> visited;
  for (const auto& part : parts) visited.insert(part.parameter);
  for (const auto& value : tape.program().values) {
    if (value.kind != ValueKind::stored) continue;
    const auto* parameter = parameter_of(value.storage);
    if (parameter == nullptr || visited.contains(parameter)) continue;
    if (parameter->kind() != Parameter::Kind::trained || parameter->frozen()) continue;
    if (!innermost(parts, parameter)) continue;  // another model's, such as a teacher's or a critic's
    throw Error{fmt::format(
        "parameter '{}' of shape {} is computed with, but {}: it would neither be trained nor saved; "
        "name it there, or freeze it where it is to stay as it is",
        value.name, to_string(parameter->shape()), what_leaves_out(parts, *parameter))};
  }
}

void require_one_type(const Error& error, const Tape& tape, std::span<const ModelPart> parts) {
  std::set<const Parameter*> visited;
  std::optional<DType> common;
  for (const auto& part : parts) {
    visited.insert(part.parameter);
    if (part.parameter != nullptr && !common && part.parameter->kind() == Parameter::Kind::trained)
      common = part.parameter->value().dtype();
  }
  if (!common) return;
  for (const auto& value : tape.program().values) {
    const auto* parameter = value.kind == ValueKind::stored ? parameter_of(value.storage) : nullptr;
    if (parameter == nullptr || visited.contains(parameter) || value.type.dtype == common) continue;
    if (value.type.dtype != DType::f32 && value.type.dtype != DType::f64) continue;
    throw Error{fmt::format(
        "{}: parameter '{}' is not among those that the model's visit names, and so stayed {} where they "
        "became {}; name it there, or, where it belongs to another model, initialize that as {}",
        error.what(), value.name, to_string(value.type), name_of(*common), name_of(*common))};
  }
}

void leave_others_alone(Tape& tape, std::span<const ModelPart> parts) {
  std::set<const Parameter*> own;
  for (const auto& part : parts) own.insert(part.parameter);
  tape.restrict_changes([own](const Tensor& state) {
    const auto* parameter = parameter_of(state);
    return parameter == nullptr || own.contains(parameter);
  });
}

void keep_what_matters(const Var& loss, std::vector<Var>& trained) {
  const auto& program = loss.tape().program();
  std::vector<char> matters(program.values.size(), 0);
  matters[loss.id()] = 1;
  for (auto i = program.nodes.size(); i-- > 0;) {
    const auto& node = program.nodes[i];
    if (node.op->stops_gradients()) continue;
    if (std::ranges::none_of(node.outputs, [&](auto id) { return matters[id] != 0; })) continue;
    for (const auto id : node.inputs) matters[id] = 1;
  }
  std::erase_if(trained, [&](const Var& parameter) { return matters[parameter.id()] == 0; });
}

}  // namespace keel::detail
