#pragma once

#include <functional>

#include "keel/runtime/communicator.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// Carries out a command that all ranks carry out together: with one rank, `run` and nothing else. What one rank
/// throws ends all, is said once, by rank 0 where it can, and gives every rank that exit status or `failed`.
ExitStatus as_rank(const Communicator& ranks, const std::function<ExitStatus()>& run);

/// Throws Error on all ranks where one was started otherwise than rank 0: `settings` and `provenance` are what its
/// numbers follow from, as JSON objects.
void require_alike(const Communicator& ranks, const std::string& settings, const std::string& provenance);

/// Threads for each rank's kernels where none are asked for: a host's processors dealt out to the ranks on it.
int threads_of_a_rank();

}  // namespace keel::tools
