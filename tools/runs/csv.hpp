#pragma once

#include <span>
#include <string>

#include "keel/tools/training/run.hpp"

namespace keel::tools {

// The runs of results.json as tables for other programs, by RFC 4180 with a line of names; numbers that are
// not finite are empty.

/// A line a run.
std::string runs_csv(std::span<const RunResult> runs);
/// A line an epoch of each run.
std::string epochs_csv(std::span<const RunResult> runs);
/// A line a number that a run measured besides.
std::string measures_csv(std::span<const RunResult> runs);

}  // namespace keel::tools
