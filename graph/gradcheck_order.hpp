#pragma once

#include "keel/graph/gradcheck_function.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The derivative of a function as a function to be checked itself: of the same inputs and of one more for
/// each of its outputs, the upstream gradient, in which it is linear. Its outputs are the gradients of the
/// differentiated inputs; the new inputs, normal random numbers, are differentiated as well. Keeps a copy of
/// `checked`. Throws what recording the function throws.
CheckedFunction derivative_of(const CheckedFunction& checked);

}  // namespace keel

#pragma GCC visibility pop
