#pragma once

#include <string>
#include <vector>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// The seeds that `keel study` takes unless it is told how many.
inline constexpr int full_study_seeds = 12;
inline constexpr int quick_study_seeds = 6;

/// `keel study`.
struct StudyOptions {
  CommonOptions common;
  std::string name;                                 ///< of a study, or "all"
  std::vector<std::string> data_sets = {"digits"};  ///< one after the other
  bool quick = false;
  std::vector<std::int64_t> hidden = {};  ///< as in StudyScale: of studies of one's own
  std::string optimizer = {};
};

/// What `name` may be.
std::vector<std::string> study_names(const Invocation& invocation);

/// Puts the claims of the studies to the test and writes a report.
ExitStatus run_studies(const StudyOptions& options, const Invocation& invocation);

}  // namespace keel::tools
