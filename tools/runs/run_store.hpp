#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "keel/tools/system/json_fwd.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// The settings that tell a run from the others of its command, in words: "depth, sigmoid, bn, seed 3".
std::string describe(const RunSettings& settings);

/// Finished runs, each in a file of its own in the folder `runs`, written whole or not at all and with a
/// checksum: what an interrupted command had finished, the same command finds again.
class RunStore {
 public:
  /// `folder` is the one that results go to. `provenance` is what a run's numbers depend on besides its
  /// settings: a run with another is not found. Nothing is found unless earlier runs are to be `reused`.
  /// `quiet`: what is not believed is left for another process to tell.
  RunStore(const std::filesystem::path& folder, const Json& provenance, bool reused, bool quiet = false);

  /// What the file of a run with these settings is called, but for its extension.
  static std::string name_of(const RunSettings& settings);

  /// The finished run with these settings, bit for bit as it was saved. One whose file is damaged, was
  /// changed or has no checksum (as an older keel left it) is not believed, which is said on standard error;
  /// one that failed is not finished. Throws DataError for what is no regular file, or can't be read.
  [[nodiscard]] std::optional<RunResult> find(const RunSettings& settings) const;
  /// Throws Error when it can't be written.
  void save(const RunResult& run) const;

  /// The same as `find`, of what would be the content of the run's file. Throws an exception, in words, for
  /// one that is not to be believed.
  [[nodiscard]] std::optional<RunResult> run_in(const std::string& text, const std::filesystem::path& path,
                                                const RunSettings& settings) const;

 private:
  [[nodiscard]] std::filesystem::path path_of(const RunSettings& settings) const;

  std::filesystem::path folder_;
  std::string provenance_;  // as JSON
  bool reused_;
  bool quiet_;
};

}  // namespace keel::tools
