#pragma once

#include <memory>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/runs/lease.hpp"
#include "keel/tools/runs/workspace.hpp"
#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// Throws UsageError for options that make no sense together with `--join`.
void require_sensible_sharing(const CommonOptions& options);

/// By what this process shares the runs of its command with others; null unless it is to. Throws Error where the processes
/// would not compute the same bits.
std::unique_ptr<LeaseBook> join_in(const CommonOptions& options, const Workspace& workspace,
                                   const Json& provenance);

}  // namespace keel::tools
