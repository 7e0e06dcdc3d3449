#pragma once

#include <cstddef>
#include <vector>

#include "keel/graph/program.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Decides how each value of four axes lies in memory, by what the operators want, and inserts reorders where
/// one wants it otherwise than it lies: at most one for each value and format. Inputs, stored values and
/// `outputs`, which are renumbered where one had to be reordered, are row-major.
void assign_memory_formats(Program& program, std::vector<std::size_t>& outputs);

}  // namespace keel

#pragma GCC visibility pop
