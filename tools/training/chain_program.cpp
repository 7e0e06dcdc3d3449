#include "keel/tools/training/chain_program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace keel::tools {
namespace {

std::size_t operand_beside(const Node& node, std::size_t value) {
  return node.inputs[0] == value ? node.inputs[1] : node.inputs[0];
}

}  // namespace

std::vector<double> setting_of(const Node& node, std::string_view name) {
  for (const auto& attribute : node.op->attributes())
    if (attribute.name == name) return attribute.numbers;
  return {};
}

std::string node_text(const Node& node) {
  std::vector<std::string> settings;
  for (const auto& attribute : node.op->attributes())
    settings.push_back(fmt::format("{} {}", attribute.name, fmt::join(attribute.numbers, " x ")));
  if (settings.empty()) return std::string{node.op->name()};
  return fmt::format("{} ({})", node.op->name(), fmt::join(settings, ", "));
}

ChainProgram::ChainProgram(Program program, std::size_t output) : program_(std::move(program)) {
  drop_dead_nodes(program_, {output});
}

std::vector<const Node*> ChainProgram::readers_of(std::size_t value) const {
  std::vector<const Node*> result;
  for (const auto& node : program_.nodes)
    if (std::ranges::find(node.inputs, value) != node.inputs.end()) result.push_back(&node);
  return result;
}

const Node* ChainProgram::maker_of(std::size_t value) const {
  for (const auto& node : program_.nodes)
    if (std::ranges::find(node.outputs, value) != node.outputs.end()) return &node;
  return nullptr;
}

const Value* ChainProgram::stored_behind(std::size_t value) const {
  while (const auto* maker = maker_of(value)) {
    if (maker->op->name() != "reshape" && maker->op->name() != "broadcast_to") return nullptr;
    value = maker->inputs[0];
  }
  const auto& found = program_.values[value];
  return found.kind == ValueKind::stored && found.type.dtype == DType::f32 ? &found : nullptr;
}

std::optional<double> ChainProgram::number_at(std::size_t value) const {
  const auto* found = stored_behind(value);
  if (found == nullptr) return std::nullopt;
  const auto data = found->storage.data<float>();
  const bool alike =
      !data.empty() && std::ranges::all_of(data, [&](float number) { return number == data[0]; });
  return alike ? std::optional<double>{data[0]} : std::nullopt;
}

// What a node multiplies this value by.
std::optional<double> ChainProgram::factor_of(const Node& node, std::size_t value) const {
  const bool divides = node.op->name() == "divide" && node.inputs[0] == value;
  const bool multiplies =
      node.op->name() == "multiply" && std::ranges::find(node.inputs, value) != node.inputs.end();
  if (!divides && !multiplies) return std::nullopt;
  const auto number = number_at(operand_beside(node, value));
  return number && divides ? 1.0 / *number : number;
}

const Node* ChainProgram::only_reader_of(std::size_t value, std::string_view op) const {
  const auto readers = readers_of(value);
  return readers.size() == 1 && readers.front()->op->name() == op ? readers.front() : nullptr;
}

std::optional<std::size_t> ChainProgram::gelu_of(std::size_t src) const {
  const auto readers = readers_of(src);
  if (readers.size() != 2) return std::nullopt;
  const Node* erf = nullptr;
  for (const auto* reader : readers)
    if (const auto* next = only_reader_of(reader->outputs[0], "erf")) erf = next;
  const auto* scaled = erf == nullptr ? nullptr : maker_of(erf->inputs[0]);
  const auto scale = scaled == nullptr ? std::nullopt : factor_of(*scaled, src);
  if (!scale || std::abs(*scale - std::sqrt(0.5)) > 1e-6) return std::nullopt;
  const auto* raised = only_reader_of(erf->outputs[0], "add");
  if (raised == nullptr || number_at(operand_beside(*raised, erf->outputs[0])) != 1.0) return std::nullopt;
  const auto* product = only_reader_of(raised->outputs[0], "multiply");
  if (product == nullptr) return std::nullopt;
  // Either x is halved before, or the product behind.
  if (const auto other = operand_beside(*product, raised->outputs[0]); other != src) {
    const auto* halved = maker_of(other);
    if (halved == nullptr || factor_of(*halved, src) != 0.5) return std::nullopt;
    return product->outputs[0];
  }
  const auto last = readers_of(product->outputs[0]);
  if (last.size() != 1 || factor_of(*last.front(), product->outputs[0]) != 0.5) return std::nullopt;
  return last.front()->outputs[0];
}

}  // namespace keel::tools
