#pragma once

// What the tests of the studies share: data so small that a study takes a second, and the program on it.

#include <filesystem>
#include <string>

#include "keel/tools/data/image_set.hpp"
#include "keel/tools/system/json.hpp"
#include "process.hpp"

namespace keel::test {

/// 400 training and 100 test images of 8 x 8 in five classes: a pattern for each class, under noise.
const tools::DataSet& tiny_data();

/// results.json of a command's folder.
tools::Json results_in(const std::filesystem::path& folder);

/// Results without what two runs of the same command may differ in: times, threads, the command line.
tools::Json without_times(tools::Json results);

/// The names of all runs that are kept in a command's folder.
std::vector<std::filesystem::path> kept_runs(const std::filesystem::path& folder);

/// A folder to run keel in, with the tiny data as `--data tiny`.
class StudyFolder {
 public:
  StudyFolder();

  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return folder_.path() / name;
  }

  /// Runs keel with these arguments on the tiny data, quietly.
  [[nodiscard]] Finished keel(const std::string& arguments) const;

  /// The same, one run after the other, and sends `signal` as soon as four runs are kept in the folder that
  /// `out` names, which may be a pattern.
  [[nodiscard]] Finished stopped_keel(const std::string& arguments, const std::string& out,
                                      const std::string& signal) const;

 private:
  TemporaryFolder folder_;
};

}  // namespace keel::test
