#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "keel/ops/unary_loops.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// dst[i] = exp(src[i]), for loops that are written for both types. dst may be src.
inline void exponentials(const float* src, float* dst, std::int64_t count) {
  loops::exp(src, dst, count, 0.0F);
}
inline void exponentials(const double* src, double* dst, std::int64_t count) {
  std::transform(src, src + count, dst, [](double value) { return std::exp(value); });
}

}  // namespace keel

#pragma GCC visibility pop
