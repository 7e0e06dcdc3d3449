#pragma once

#include <cstddef>
#include <vector>

#include "keel/graph/program.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Of nodes that do the same to the same values, all but the first become dead: what read their outputs reads those
/// of the first. Gradients of gradients compute many things several times. What is in `outputs` stays, and so do nodes
/// that change stored values; what reads these before and after is not the same.
void merge_equal_nodes(Program& program, const std::vector<std::size_t>& outputs);

}  // namespace keel

#pragma GCC visibility pop
