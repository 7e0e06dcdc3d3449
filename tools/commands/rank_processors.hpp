#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keel::tools {

/// The processors that a process may use.
struct Processors {
  std::vector<int> numbers = {};  ///< of those that it may run on
  int usable = 1;                 ///< no more than these: `available_processors`
  bool is_told = false;           ///< by OMP_NUM_THREADS, which is for each process by itself
};

/// Those of a rank.
struct RankProcessors {
  std::string host;
  Processors processors;
};

Processors own_processors();

/// As text, for another rank.
std::string to_text(const Processors& processors);
/// Reads such a text back.
Processors processors_in(std::string_view text);

/// How many threads `rank` is to start so that all ranks of its host together use each of the host's
/// processors once, whether they are bound to some or not, and no more than control groups give them: at
/// least 1. What OMP_NUM_THREADS says comes first.
int threads_beside(std::span<const RankProcessors> ranks, std::size_t rank);

}  // namespace keel::tools
