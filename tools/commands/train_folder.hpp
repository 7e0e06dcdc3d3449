#pragma once

#include <filesystem>
#include <optional>

#include "keel/tools/commands/command_line.hpp"
#include "keel/tools/commands/train_options.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/runs/workspace.hpp"
#include "keel/tools/training/checkpoint_folder.hpp"

namespace keel::tools {

/// What was asked for of a `keel train`, as its folder's command.json has it.
Json train_request(const TrainOptions& options, const TrainSettings& settings);

/// The folder of a `keel train`: over several ranks that of rank 0, which alone writes.
class TrainFolder {
 public:
  TrainFolder(const TrainOptions& options, const TrainSettings& settings);

  [[nodiscard]] const std::filesystem::path& path() const { return workspace_.path(); }
  [[nodiscard]] std::filesystem::path best_network() const { return path() / "best.safetensors"; }
  [[nodiscard]] std::filesystem::path metrics() const { return path() / "metrics.jsonl"; }
  [[nodiscard]] const CheckpointFolder& checkpoints() const { return checkpoints_; }

  /// Loads the last checkpoint, where the training is to be resumed and there is one, and returns its file; else makes
  /// room for a new training.
  std::optional<std::filesystem::path> begin(Trainer& trainer, const TrainOptions& options);
  /// Says that it was interrupted, and how to go on.
  void interrupted(const Trainer& trainer, const TrainOptions& options, const Invocation& invocation) const;
  /// Writes and prints what came out: `test` of the last network, none where the training diverged.
  ExitStatus finish(Trainer& trainer, const TrainOptions& options, const TrainSettings& settings,
                    const DataSet& data, const CommandRecord& record, const std::optional<Evaluation>& test);

 private:
  Workspace workspace_;
  CheckpointFolder checkpoints_;
};

}  // namespace keel::tools
