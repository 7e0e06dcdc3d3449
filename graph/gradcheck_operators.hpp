#pragma once

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
};

/// Checks every operator on the way from the differentiated inputs to the outputs by itself, on the values
/// that it has there.
OperatorChecks check_operators(const CheckedFunction& checked, const GradcheckOptions& options);

}  // namespace keel

#pragma GCC visibility pop
