#pragma once

#include <string>

#include "keel/graph/gradcheck.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// A line on one input, "input 0 (4, 3): agrees; worst element 7: analytic ...", and a line on each kink.
std::string describe(const GradcheckInput& input, const GradcheckOptions& options);

/// What was found in f32, a line on each fault and on what was not checked, and how many operators agree.
std::string describe(const GradcheckF32Report& f32);

/// "at fault: matmul at net.cpp:12", and under it a line on each input that is wrong.
std::string describe(const GradcheckFault& fault, const GradcheckOptions& options);

}  // namespace keel

#pragma GCC visibility pop
