#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace keel::tools {

/// JSON whose keys keep the order in which they are written.
using Json = nlohmann::ordered_json;

/// A number as JSON has it; null for one that is not finite, and for none.
inline Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
inline Json number(const std::optional<double>& value) {
  return value ? number(*value) : Json(nullptr);
}

/// Reads such a number back: NaN for null.
inline double number_of(const Json& json) {
  return json.is_null() ? std::nan("") : json.get<double>();
}

}  // namespace keel::tools
