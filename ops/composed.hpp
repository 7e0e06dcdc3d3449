#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// For functions that are composed of operators: checks their arguments beforehand, so that an error names what
/// was called. What `check` throws as ShapeError gets the function, its arguments' types and the caller's line
/// in front, as `Tape::record` does it for operators.
void check_call(std::string_view name, std::span<const Var> inputs, const SourceLocation& where,
                const std::function<void()>& check);

}  // namespace keel

#pragma GCC visibility pop
