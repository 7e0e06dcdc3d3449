#pragma once

#include <memory>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/runs/lease.hpp"
#include "keel/tools/runs/run_store.hpp"
#include "keel/tools/runs/workspace.hpp"
#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// Throws UsageError for options that make no sense together with `--join`.
void require_sensible_sharing(const CommonOptions& options);

/// The folder of a command with its runs.
struct SharedRuns {
  std::unique_ptr<Workspace> workspace;
  RunStore store;
  std::unique_ptr<LeaseBook>
      leases;  ///< by which runs are shared with other processes; null where there are none
};

/// Opens the folder that `options` ask for, for this process or together with the others that share it.
/// Throws Error where these would not compute the same bits.
SharedRuns open_runs(const CommonOptions& options, const std::string& command, const Json& settings,
                     const Json& provenance);

}  // namespace keel::tools
