#pragma once

#include "keel/tools/system/json_fwd.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// All settings of a run: two runs are the same one if theirs are.
Json to_json(const RunSettings& settings);

/// A factor as text: a word as it is, a number as JSON has it, "0.1".
std::string text_of(const Factor& factor);

/// A run as an element of `runs` in results.json. `run_of` reads it back bit for bit, but for the settings
/// that results.json does not tell of: hidden, epochs, limit. Throws an exception, in words, for what no run
/// can be: a number that is none, or out of its range, epochs that don't come one after the other.
Json to_json(const RunResult& run);
RunResult run_of(const Json& json);

}  // namespace keel::tools
