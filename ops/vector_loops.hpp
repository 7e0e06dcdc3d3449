#pragma once

#include <cstdint>

namespace keel::loops {

// The loops of a training step that no oneDNN primitive covers, compiled for the widest vectors of the
// processor that they run on where the compiler can do that (vector_loops_x86_64.cpp) and plainly elsewhere
// (vector_loops_generic.cpp). Each element is computed by the same operations everywhere, so the results do
// not depend on the vectors' width.

/// velocity = momentum * velocity + grad, parameter -= learning_rate * velocity; whether every velocity is
/// finite.
bool momentum_sweep(float* parameter, float* velocity, const float* grad, std::int64_t count,
                    float learning_rate, float momentum);
bool momentum_sweep(double* parameter, double* velocity, const double* grad, std::int64_t count,
                    double learning_rate, double momentum);

/// parameter -= learning_rate * velocity; whether every velocity is finite.
bool velocity_sweep(float* parameter, const float* velocity, std::int64_t count, float learning_rate);
bool velocity_sweep(double* parameter, const double* velocity, std::int64_t count, double learning_rate);

/// dst[j] = scale * the sum of src[i, j] over i, for src (rows, columns).
void add_rows(const float* src, float* dst, std::int64_t rows, std::int64_t columns, float scale);

/// dst[j] = the largest src[i, j] over i, for src (rows, columns); NaN where one is.
void max_rows(const float* src, float* dst, std::int64_t rows, std::int64_t columns);
/// dst[i] = the largest src[i, j] over j.
void max_columns(const float* src, float* dst, std::int64_t rows, std::int64_t columns);

/// dst[i] = exp(src[i]) to within 2 units in the last place, for results from 2^-126 on; below, 2^-126. NaN
/// stays NaN.
void exponentials(const float* src, float* dst, std::int64_t count);

/// ReLU's derivative with a bias behind it: grad_src = grad_dst where dst > 0, else 0, and grad_bias its sum
/// over rows, in one pass. grad_src may be grad_dst.
void relu_backward_with_bias(const float* grad_dst, const float* dst, float* grad_src, float* grad_bias,
                             std::int64_t rows, std::int64_t columns);

/// dst[i] = src[i] * scale + shift, of bytes: how pixels become numbers.
void scale_bytes(const std::uint8_t* src, float* dst, std::int64_t count, float scale, float shift);

}  // namespace keel::loops
