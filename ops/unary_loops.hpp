#pragma once

#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel::loops {

/// The functions of elementwise.hpp in f32, and their derivatives. Each is compiled for several widths of
/// vectors (KEEL_EACH_WIDTH, see meson.build), by the same operations, so that the bits are the same.

/// dst[i] = function(src[i]); dst may be src. Only leaky_relu reads `slope`.
using UnaryLoop = void(const float* src, float* dst, std::int64_t count, float slope);

UnaryLoop negate, exp, log, sqrt, square, relu, leaky_relu, sigmoid, tanh, gelu;

/// grad_src[i] = grad_dst[i] * derivative(read[i]); grad_src may be grad_dst. `read` is src for gelu, else
/// dst. relu's chooses between grad_dst and 0, and gives NaN where dst is.
using UnaryBackwardLoop = void(const float* grad_dst, const float* read, float* grad_src, std::int64_t count,
                               float slope);

UnaryBackwardLoop relu_backward, leaky_relu_backward, sigmoid_backward, tanh_backward, gelu_backward;

}  // namespace keel::loops

#pragma GCC visibility pop
