#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "keel/tools/system/json_fwd.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// The settings that tell a run from the others of its command, in words: "depth, sigmoid, bn, seed 3".
std::string describe(const RunSettings& settings);

/// Finished runs, each in a file of its own in the folder `runs`, written whole or not at all: what an
/// interrupted command had finished, the same command finds again.
class RunStore {
 public:
  /// `folder` is the one that results go to. `provenance` is what a run's numbers depend on besides its
  /// settings: a run with another is not found. Nothing is found unless earlier runs are to be `reused`.
  RunStore(const std::filesystem::path& folder, const Json& provenance, bool reused);

  /// The finished run with these settings, bit for bit as it was saved.
  [[nodiscard]] std::optional<RunResult> find(const RunSettings& settings) const;
  /// Throws Error when it can't be written.
  void save(const RunResult& run) const;

 private:
  [[nodiscard]] std::filesystem::path path_of(const RunSettings& settings) const;

  std::filesystem::path folder_;
  std::string provenance_;  // as JSON
  bool reused_;
};

}  // namespace keel::tools
