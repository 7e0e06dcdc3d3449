#pragma once

#include <filesystem>
#include <optional>

#pragma GCC visibility push(hidden)

namespace keel {

/// How many processors' worth of time the control groups of this process allow it: the least of its own group's
/// quota and those of the groups around it, by cpu.max (version 2) and cpu.cfs_quota_us (version 1). None where
/// nothing is set or can be read. `root` is the folder that has proc/ and sys/.
std::optional<double> control_group_quota(const std::filesystem::path& root = "/");

/// The number of threads that the environment variable OMP_NUM_THREADS asks for, the first of a list; none where
/// it is not set to a number above 0.
std::optional<int> omp_num_threads();

}  // namespace keel

#pragma GCC visibility pop
