#pragma once

#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel::loops {

/// What the functions of more_elementwise.cpp are told besides their argument: clamp its bounds, pow its
/// exponent.
struct Settings {
  double a = 0.0;
  double b = 0.0;
};

/// dst[i] = function(src[i]); dst may be src. Each is compiled for several widths of vectors, by the same
/// operations, as those of unary_loops.hpp.
using SpecialLoop = void(const float* src, float* dst, std::int64_t count, Settings settings);

SpecialLoop absolute, sign, floor, ceil, round, clamp, is_between, log1p, expm1, softplus, silu, erf, sin,
    cos, power;

}  // namespace keel::loops

#pragma GCC visibility pop
