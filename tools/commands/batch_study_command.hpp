#pragma once

#include <cstdint>
#include <vector>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// `keel batch-study`.
struct BatchStudyOptions {
  CommonOptions common;
  std::vector<std::int64_t> batch_sizes = {32, 64, 128};
};

/// Trains at several batch sizes, without and with batch normalization, in three views, and writes a report.
ExitStatus run_batch_study(const BatchStudyOptions& options, const Invocation& invocation);

}  // namespace keel::tools
