#include "keel/ops/composed.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "keel/runtime/error.hpp"

namespace keel {

void check_call(std::string_view name, std::span<const Var> inputs, const SourceLocation& where,
                const std::function<void()>& check) {
  try {
    check();
  } catch (const ShapeError& error) {
    std::vector<std::string> types;
    for (const auto& input : inputs) types.push_back(to_string(input.type()));
    throw ShapeError{
        fmt::format("{}({}) at {}: {}", name, fmt::join(types, ", "), describe(where), error.what())};
  }
}

}  // namespace keel
