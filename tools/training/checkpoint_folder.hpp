#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "keel/tools/training/trainer.hpp"

namespace keel::tools {

/// The last checkpoints of a training, each a file named after its step: "step-0000000500.safetensors".
class CheckpointFolder {
 public:
  /// Of which the last `keep` are kept. Made with the first checkpoint.
  CheckpointFolder(std::filesystem::path folder, int keep);

  /// Writes one, whole or not at all, and removes those before that are too many. Throws Error when it can't
  /// be written.
  void save(Trainer& trainer) const;

  struct Restored {
    std::optional<std::filesystem::path> file;  ///< that the training goes on from; none where there are none
    std::vector<std::string> refused;           ///< why newer ones could not be used, a sentence each
  };
  /// Loads the newest that can be used. Throws DataError, with the reasons, where there are some and none can
  /// be.
  [[nodiscard]] Restored restore(Trainer& trainer) const;

  /// Removes all.
  void clear() const;

 private:
  [[nodiscard]] std::vector<std::filesystem::path> files() const;

  std::filesystem::path folder_;
  std::size_t keep_;
};

}  // namespace keel::tools
