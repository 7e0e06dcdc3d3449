#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace keel::tools {

/// The folder that `--out` names, made ready before the work begins, so that a bad one is told at once and
/// not after an hour.
///
/// Unless a file is written into it, the folder disappears again if this object made it: no empty results are
/// left.
class OutputFolder {
 public:
  /// Creates `path` with its parents. Throws UsageError for a folder that holds something, unless `force`;
  /// Error for one that can't be made or written to.
  OutputFolder(std::filesystem::path path, bool force);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// Writes a file with `write_file` and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view content);
  /// Takes a file back that was written, as if it had been the only one.
  void take_back(std::string_view name);

 private:
  std::filesystem::path path_;
  std::filesystem::path topmost_created_;  // empty if the folder was there before
  bool keep_ = false;
};

/// Writes a file whole or not at all: into a temporary file beside it, then renamed. Throws Error when that
/// fails.
void write_file(const std::filesystem::path& path, std::string_view content);

/// "runs/compare-20261122-221530": where `command` leaves its results when `--out` is not given; the time is
/// UTC. With "-2" and so on behind it if that is there already.
std::filesystem::path default_output_folder(std::string_view command);

}  // namespace keel::tools
