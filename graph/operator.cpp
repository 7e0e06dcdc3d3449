#include "keel/graph/operator.hpp"

#include <fmt/format.h>

#include "keel/runtime/error.hpp"

namespace keel {

Slot* Binding::scratch(std::size_t bytes) const {
  if (bytes == 0) return nullptr;
  return scratch_.emplace_back(std::make_unique<Slot>(), bytes).first.get();
}

void Binding::require(bool dtype_matches) {
  if (!dtype_matches) throw Error{"a kernel asked for a value as another element type than it has"};
}

std::vector<Var> Operator::vjp(const VjpContext&) const {
  throw Error{fmt::format("{} has no derivative", name())};
}

Cost Operator::cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  Cost cost;
  for (const auto& types : {inputs, outputs}) {
    for (const auto& type : types) cost.bytes += static_cast<double>(type.bytes());
  }
  return cost;
}

}  // namespace keel
