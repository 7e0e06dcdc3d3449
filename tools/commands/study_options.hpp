#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/interrupt.hpp"

namespace keel::tools {

/// `keel study`.
struct StudyOptions {
  CommonOptions common;
  std::string name;
  bool quick = false;
  bool resume = false;
};

/// `keel batch-study`.
struct BatchStudyOptions {
  CommonOptions common;
  std::vector<std::int64_t> batch_sizes = {32, 64, 128};
  bool resume = false;
};

/// What the studies' commands are given besides their options.
struct Invocation {
  const std::vector<std::string>& arguments;  ///< the command line, program first
  const Interrupt& interrupt;
};

/// Adds `study` and `batch-study` to the program. The one that is named is run when the command line is parsed
/// and leaves its status in `status`; all arguments must outlive the parsing.
void add_study_command(CLI::App& app, StudyOptions& options, const Invocation& invocation,
                       ExitStatus& status);
void add_batch_study_command(CLI::App& app, BatchStudyOptions& options, const Invocation& invocation,
                             ExitStatus& status);

}  // namespace keel::tools
