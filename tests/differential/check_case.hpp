#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "case.hpp"
#include "execution.hpp"

namespace keel::differential {

/// What is known of one operator after many cases.
struct Tally {
  std::uint64_t nodes = 0;
  std::uint64_t comparisons = 0;
  double worst = 0.0;  ///< the largest error, in multiples of its bound
};
using Tallies = std::map<std::string, Tally, std::less<>>;

/// A value that is not what it should be.
struct Finding {
  std::string operator_name;
  std::string text;  ///< which element, both values, the bound
};

/// Runs a case and holds every node's results against its oracle's; and the same program with reused memory,
/// in place, in poisoned memory, run again, against the first bit by bit. The first finding, if any.
/// Throws Error when the case can't be recorded.
std::optional<Finding> check_case(const Case& description, Tallies& tallies, const Sabotage& sabotage = {});

}  // namespace keel::differential
