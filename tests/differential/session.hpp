#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check_case.hpp"
#include "worker.hpp"

namespace keel::differential {

/// What a session of workers is to do.
struct SessionOptions {
  std::string instruction_set;  ///< a value of ONEDNN_MAX_CPU_ISA; empty: as the environment has it
  std::uint64_t seed = 1;
  double seconds = 10.0;
  std::size_t findings = 1;  ///< of different operators, after which it ends
};

struct SessionReport {
  std::uint64_t cases = 0;
  Tallies tallies;
  std::vector<std::string> failures;  ///< one line each, which says how to have it again
  /// Cases that a busy machine did not get done in time, and that were right when they were run again.
  std::uint64_t slow = 0;
};

/// Checks generated cases in workers, and shrinks each one that fails.
SessionReport run_session(const SessionOptions& options);

/// Those of SSE41, AVX2 and AVX512_CORE that this processor has.
std::vector<std::string> instruction_sets();

/// A table of operators: nodes, comparisons, the worst error.
std::string to_text(const Tallies& tallies);

}  // namespace keel::differential
