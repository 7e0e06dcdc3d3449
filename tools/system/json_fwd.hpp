#pragma once

#include <nlohmann/json_fwd.hpp>

namespace keel::tools {

/// JSON whose keys keep the order in which they are written. For headers that only name it; system/json.hpp has
/// the whole.
using Json = nlohmann::ordered_json;

}  // namespace keel::tools
