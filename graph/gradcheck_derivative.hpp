#pragma once

#include <string>
#include <vector>

#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradcheck_function.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// What was found for a function as a whole.
struct DerivativeCheck {
  std::vector<GradcheckInput> inputs;
  std::vector<std::string> inconsistencies;
  [[nodiscard]] bool ok() const;
};

/// Runs the function every way, compares its gradients with differences, and where it has kinks compares them
/// beside the kinks as well.
DerivativeCheck check_derivative(const CheckedFunction& checked, const GradcheckOptions& options);

}  // namespace keel

#pragma GCC visibility pop
