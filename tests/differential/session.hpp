#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check_case.hpp"

namespace keel::differential {

/// What a session is to do.
struct SessionOptions {
  std::uint64_t seed = 1;
  std::uint64_t first = 0;
  std::uint64_t cases = 0;  ///< 0: as many as fit
  double seconds = 0.0;     ///< 0: as long as it takes
  bool shrink = true;
  std::size_t findings = 1;       ///< the session ends after as many
  bool once_an_operator = false;  ///< no further findings of an operator that has one
};

struct SessionReport {
  std::uint64_t cases = 0;
  Tallies tallies;
  std::vector<std::string> failures;  ///< one line each, which says how to have it again
};

/// Checks generated cases one after another.
SessionReport run_session(const SessionOptions& options);

/// The line by which a case's finding is had again.
std::string reproduction(const Case& description, const Finding& finding);

/// A table of operators: nodes, comparisons, the worst error.
std::string to_text(const Tallies& tallies);

}  // namespace keel::differential
