#pragma once

#include <filesystem>
#include <string>

#include "keel/tools/system/json.hpp"
#include "keel/tools/system/output_folder.hpp"

namespace keel::tools {

/// The folder of a command that can be resumed. It says in `command.json` what was asked for.
///
/// Anew, `out` (by default runs/COMMAND-TIME) is made, or refused if it holds something, unless `force`, by
/// which what another command left there is removed (runs/earlier_results.hpp). To resume, it must hold what
/// the same command began, and without `out` the newest runs/COMMAND-* that does is taken. Throws UsageError
/// when there is none or it holds another command's. To join, `out` is made where it is not there, and must otherwise hold
/// what the same command began.
class Workspace {
 public:
  struct Request {
    std::string command;  ///< "study-all"
    Json settings;        ///< what is asked for
    std::string out;      ///< empty for the default
    bool force = false;
    bool resume = false;
    bool join = false;  ///< several processes with the same request share `out`
  };
  explicit Workspace(const Request& request);
  /// Leaves nothing behind of a command that ended before it had anything, a finished run or results, unless it was
  /// resumed.
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Writes a file into it, whole or not at all, and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view content);

 private:
  std::filesystem::path path_;
  OutputFolder folder_;
  bool kept_;
};

}  // namespace keel::tools
