#pragma once

#include <cstddef>
#include <span>
#include <vector>

#pragma GCC visibility push(hidden)

namespace keel {

/// A block of memory that is needed from step `first` to step `last`, both included.
struct Block {
  std::size_t bytes = 0;
  std::size_t first = 0;
  std::size_t last = 0;
};

/// Where each block lies in one arena.
struct MemoryPlan {
  std::vector<std::size_t> offsets;  ///< in bytes, multiples of `alignment`
  std::size_t bytes = 0;             ///< of the arena
};

/// Places blocks so that two that are needed at the same time never overlap: the largest first, each at the
/// lowest offset that is free for its whole life ("greedy by size", Pisarchyk and Lee 2020).
MemoryPlan plan_memory(std::span<const Block> blocks);

}  // namespace keel

#pragma GCC visibility pop
