#pragma once

#include "keel/tools/commands/train_options.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// Trains one network and leaves it in a folder: model.safetensors, best.safetensors, checkpoints/,
/// metrics.jsonl and results.json. Interrupted, it writes a checkpoint and says how to go on.
ExitStatus train_network(const TrainOptions& options, const Invocation& invocation);

}  // namespace keel::tools
