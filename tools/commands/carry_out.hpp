#pragma once

#include <string>
#include <vector>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {

/// What one command is to study, and where its results go.
struct Assignment {
  std::string command;  ///< "study-all": also the name of the default folder for results
  std::vector<const Study*> studies = {};
  Json settings;  ///< all that was asked for: what a resumed command must agree with
  CommonOptions common;
  bool quick = false;
  std::vector<std::int64_t> hidden = {};  ///< as in StudyScale
  std::string optimizer = {};
  /// Whether it has failed if all its runs diverged. Of a claim's experiment that is a result like any other.
  bool must_train = false;
};

/// Runs all runs of the studies, judges them, writes results.json, CSV files and the report, and prints the
/// verdicts. Every finished run is in the folder before the next begins. Interrupted, it keeps these and says
/// how to go on.
ExitStatus carry_out(const Assignment& assignment, const Invocation& invocation);

}  // namespace keel::tools
