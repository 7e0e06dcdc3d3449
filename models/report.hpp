#pragma once

#include <string>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Hands `value` out under `name`, from anywhere in a model, a loss or a function: `report("hidden", x)`. After
/// a call of the step, inference or gradient that recorded it, `reported("hidden")` has its elements. What is
/// computed with it stays the same. Throws Error where the name is taken: a layer that is applied twice has to
/// choose two.
void report(std::string name, const Var& value, const SourceLocation& where = SourceLocation::current());

}  // namespace keel
