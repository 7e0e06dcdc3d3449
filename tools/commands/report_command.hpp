#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// `keel report`.
struct ReportOptions {
  std::string folder;
};

/// Adds `keel report` to the program. `options` and `status` must outlive `app`.
void add_report_command(CLI::App& app, ReportOptions& options, ExitStatus& status);

}  // namespace keel::tools
