#pragma once

#include "keel/runtime/shape.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Two shapes and what they broadcast to, all of one rank, by the fewest axes that say it: neighbours along
/// which the same operands stretch become one. oneDNN has fast kernels for few patterns of axes.
struct BroadcastPattern {
  Shape a;
  Shape b;
  Shape dst;
};

/// The pattern of arrays of shapes `a` and `b` that broadcast to `dst`, along the axes as they lie in memory.
BroadcastPattern broadcast_pattern(const Shape& a, const Shape& b, const Shape& dst, MemoryFormat format);

}  // namespace keel

#pragma GCC visibility pop
