#pragma once

#include "keel/tools/system/json.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// All settings of a run: two runs are the same one if theirs are.
Json to_json(const RunSettings& settings);

/// A run as an element of `runs` in results.json. `run_of` reads it back bit for bit, but for the settings
/// that results.json does not tell of: hidden, epochs, limit.
Json to_json(const RunResult& run);
RunResult run_of(const Json& json);

}  // namespace keel::tools
