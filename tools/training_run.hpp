#pragma once

#include <optional>

#include "keel/tools/run.hpp"

namespace keel::tools {

/// Trains the plain network or, for the model "bn", the one with batch normalization, validates it after
/// every epoch and tests it at the end. Returns nothing when a stop was requested before the end.
std::optional<RunResult> train(const RunSettings& settings, const RunContext& context);

}  // namespace keel::tools
