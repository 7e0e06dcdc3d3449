#include "keel/tools/system/json.hpp"

#include <cmath>

namespace keel::tools {

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json number(const std::optional<double>& value) {
  return value ? number(*value) : Json(nullptr);
}

double number_of(const Json& json) {
  return json.is_null() ? std::nan("") : json.get<double>();
}

}  // namespace keel::tools
