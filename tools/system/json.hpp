#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// A number as JSON has it; null for one that is not finite, and for none.
Json number(double value);
Json number(const std::optional<double>& value);
/// Reads such a number back: NaN for null.
double number_of(const Json& json);

}  // namespace keel::tools
