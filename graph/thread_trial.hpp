#pragma once

#include <span>

#include "keel/graph/program.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Whether all kernels of a program leave the same bits on one thread as on `threads`, which counts them by
/// node: tried by running the program on made-up numbers, such nodes both ways. A kernel adds up in an order
/// that does not depend on the numbers, so that another order shows in the bits of some of its sums. False where
/// that can't be told: where too few numbers come out of a kernel, or one that is not finite, where one throws,
/// for a program whose values would fill more than 256 MiB, and for one that waits for other
/// ranks.
bool same_bits_on_one_thread(const Program& program, std::span<const int> threads);

}  // namespace keel

#pragma GCC visibility pop
