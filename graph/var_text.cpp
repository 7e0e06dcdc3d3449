#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "keel/graph/tape.hpp"
#include "keel/graph/var.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

std::string to_string(const Var& var) {
  if (!var.defined()) return "undefined Var";
  const auto& program = var.tape().program();
  const auto& value = program.values[var.id()];
  const auto head = fmt::format("{}, value {}", to_string(value.type), var.id());
  const auto name = value.name.empty() ? std::string{} : fmt::format(" '{}'", value.name);
  if (value.kind == ValueKind::input) return fmt::format("{}: input{}", head, name);
  if (value.kind == ValueKind::stored) {
    const auto text = to_string(value.storage);
    return fmt::format("{}: stored{}{}", head, name, text.substr(text.find('\n')));
  }
  const auto computes = [&](const Node& node) {
    return std::ranges::find(node.outputs, var.id()) != node.outputs.end();
  };
  const auto node = std::ranges::find_if(program.nodes, computes);
  return fmt::format("{}: {} at {}", head, node->op->name(), describe(node->where));
}

std::ostream& operator<<(std::ostream& stream, const Var& var) {
  return stream << to_string(var);
}

}  // namespace keel
