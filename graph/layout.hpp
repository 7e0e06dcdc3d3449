#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "keel/graph/program.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// By value, the value whose memory it lies in: that which it is a view of, or itself. A view shares memory
/// unless it would show what is written there later, or would have to outlast an input of the plan.
std::vector<std::size_t> shared_memory(const Program& program, std::span<const std::size_t> outputs);

/// Where the intermediate values of a program lie in its arena.
struct Layout {
  std::vector<std::optional<std::size_t>>
      offsets;                     ///< by value, in bytes; none for inputs, stored and unused values
  std::size_t scratch_offset = 0;  ///< of the scratch memory that all kernels share
  std::size_t bytes = 0;           ///< of the arena
};

/// Lays out the arena by the first and last use of each value; `outputs` live to the end. Values that an
/// operator wants adjacent form one block, and a value takes over its input's memory where the operator may
/// overwrite that input and nothing reads it later. With `reuse` false nothing shares memory, not even views.
Layout lay_out(const Program& program, std::span<const std::size_t> outputs, std::size_t scratch_bytes,
               bool reuse);

}  // namespace keel

#pragma GCC visibility pop
