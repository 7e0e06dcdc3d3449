#pragma once

#include <functional>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// Runs a command that shares its work by `CommonOptions::ranks` on the ranks that mpirun or srun has
/// started; on this process alone if there are none. All ranks end together, with the status of rank 0:
/// those that were interrupted, and one that throws, end the others. The threads of `options` are this
/// rank's part of its host's processors unless they `are_given`. To be called once in a process.
ExitStatus over_ranks(CommonOptions& options, bool threads_are_given, const Invocation& invocation,
                      const std::function<ExitStatus()>& command);

}  // namespace keel::tools
