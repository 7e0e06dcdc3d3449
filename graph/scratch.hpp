#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "keel/graph/operator.hpp"
#include "keel/runtime/buffer.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Memory for the scratch pieces of kernels that run one after another; points them to it.
inline Buffer place_scratch(std::span<const Binding::ScratchPiece> pieces) {
  std::size_t bytes = 0;
  for (const auto& piece : pieces) bytes = std::max(bytes, piece.offset + piece.bytes);
  Buffer memory{bytes};
  for (const auto& piece : pieces) piece.slot->point_to(memory.data() + piece.offset);
  return memory;
}

}  // namespace keel

#pragma GCC visibility pop
