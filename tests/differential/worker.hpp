#pragma once

#include <cstdint>
#include <string>

#include "check_case.hpp"

namespace keel::differential {

/// Which cases a worker checks: from `first` on, until the time is over.
struct Work {
  std::uint64_t seed = 1;
  std::uint64_t first = 0;
  std::uint64_t last = UINT64_MAX;  ///< this one is left out
  double seconds = 0.0;
};

/// Checks generated cases one after another and writes what it finds to standard output, a line each:
///
///   finding INDEX OPERATOR       a case with a wrong result
///   crashed INDEX SIGNAL         the last line of a worker that was ended by one; SIGALRM: a case that hangs
///   tally OPERATOR NODES COMPARISONS WORST   all so far, once a second and at the end
///   cases COUNT                              behind the tallies
///
/// A worker is a process of its own, since a kernel that writes where it must not can take it down.
void work(const Work& work);

/// Checks one case and says what came of it, for `--case`: 0 for no finding, 1 for one, whose operator and text
/// are printed, 2 for a case that is none.
int check_one(const std::string& text);

/// The line by which a finding is had again.
std::string reproduction(const Case& description, std::string_view finding);

}  // namespace keel::differential
