#pragma once

#include <optional>

#include "keel/models/mlp.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// The network of the model "plain" or "bn" for such images, with the settings' hidden layers.
MlpOptions mlp_for(const DataSet& data, const RunSettings& settings);

/// Trains the plain network or, for the model "bn", the one with batch normalization, validates it after
/// every epoch and tests it at the end. Returns nothing when a stop was requested before the end.
std::optional<RunResult> train(const RunSettings& settings, const RunContext& context);

}  // namespace keel::tools
