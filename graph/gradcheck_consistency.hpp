#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradcheck_function.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// What runs of a function and its derivative gave.
struct GradcheckRun {
  std::vector<std::vector<double>> outputs;
  std::vector<std::vector<double>> gradients;  ///< of each differentiated input
};

/// The runs of one function that must agree, with the first of them.
struct GradcheckRuns {
  GradcheckRun first;
  std::vector<std::string> inconsistencies;  ///< a sentence each; none when all agree
};

/// Runs the function with its derivative; then a second time, from memory full of NaN, with every value in
/// memory of its own, for two upstream gradients at once, and by fused kernels.
GradcheckRuns run_every_way(const CheckedFunction& checked, const GradcheckOptions& options,
                            StoredState& state);

}  // namespace keel

#pragma GCC visibility pop
