#pragma once

#include <string>

#include "keel/graph/gradcheck.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// A line on one input, "input 0 (4, 3): agrees; worst element 7: analytic ...", and a line on each kink.
std::string describe(const GradcheckInput& input, const GradcheckOptions& options);

/// "at fault: matmul at net.cpp:12", and under it a line on each input that is wrong.
std::string describe(const GradcheckFault& fault, const GradcheckOptions& options);

}  // namespace keel

#pragma GCC visibility pop
