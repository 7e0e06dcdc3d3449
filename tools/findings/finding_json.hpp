#pragma once

#include "keel/tools/findings/finding.hpp"
#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// {name, unit, mean, low, high, p, ...}, as results.json has it.
Json effect_json(const Finding& finding);
/// {claim, rule, verdict, effect, note, values}.
Json to_json(const Finding& finding);
/// Reads it back, but for the rule, which follows from the endpoint.
Finding finding_of(const Json& json);

}  // namespace keel::tools
