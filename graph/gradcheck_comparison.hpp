#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradcheck_function.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Compares the gradient `grad` of input number `input` with differences of `value`: every element, or
/// random directions and elements of a large input.
GradcheckInput compare_with_differences(const CheckedFunction& checked, WeightedValue& value,
                                        std::size_t input, std::span<const double> grad,
                                        const GradcheckOptions& options);

}  // namespace keel

#pragma GCC visibility pop
