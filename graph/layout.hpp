#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "keel/graph/program.hpp"

namespace keel {

/// Where the intermediate values of a program lie in its arena.
struct Layout {
  std::vector<std::optional<std::size_t>>
      offsets;                     ///< by value, in bytes; none for inputs, stored and unused values
  std::size_t scratch_offset = 0;  ///< of the scratch memory that all kernels share
  std::size_t bytes = 0;           ///< of the arena
};

/// Lays out the arena by the first and last use of each value; `outputs` live to the end. Values that an
/// operator wants adjacent form one block, and a value takes over its input's memory where the operator may
/// overwrite that input and nothing reads it later. With `reuse` false nothing shares memory.
Layout lay_out(const Program& program, std::span<const std::size_t> outputs, std::size_t scratch_bytes,
               bool reuse);

}  // namespace keel
