#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradcheck_function.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Which operators of a function have a wrong derivative.
struct OperatorChecks {
  std::vector<GradcheckFault> faults;
  std::vector<std::string> unchecked;  ///< "cast at net.cpp:12: why"
  std::vector<std::string> undecided;  ///< likewise, where its own rounding hides its derivative
  std::vector<std::string> jumps;      ///< likewise, where differences of it alone approach no value
};

/// Checks every operator on the way from the inputs `from` to the outputs by itself, on the values that it has
/// there.
OperatorChecks check_operators(const CheckedFunction& checked, std::span<const std::size_t> from,
                               const GradcheckOptions& options);

}  // namespace keel

#pragma GCC visibility pop
