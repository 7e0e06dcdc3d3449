#pragma once

#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel::loops {

// The loops of a training step that no oneDNN primitive covers. Those over f32 are compiled for several widths
// of vectors (KEEL_EACH_WIDTH, see meson.build). Each element is computed by the same operations everywhere,
// so the results do not depend on the width.

/// velocity = momentum * velocity + grad, parameter -= learning_rate * velocity; whether every parameter is
/// then finite.
bool momentum_sweep(float* parameter, float* velocity, const float* grad, std::int64_t count,
                    float learning_rate, float momentum);
bool momentum_sweep(double* parameter, double* velocity, const double* grad, std::int64_t count,
                    double learning_rate, double momentum);

/// parameter -= learning_rate * velocity; whether every parameter is then finite.
bool velocity_sweep(float* parameter, const float* velocity, std::int64_t count, float learning_rate);
bool velocity_sweep(double* parameter, const double* velocity, std::int64_t count, double learning_rate);

/// The same where the parameters decay: velocity += weight_decay * parameter comes first.
bool decayed_velocity_sweep(float* parameter, float* velocity, std::int64_t count, float learning_rate,
                            float weight_decay);
bool decayed_velocity_sweep(double* parameter, double* velocity, std::int64_t count, double learning_rate,
                            double weight_decay);

/// What `sgd_sweep` multiplies by.
template <class T>
struct SgdStep {
  T learning_rate;
  T momentum;
  T weight_decay;
  bool nesterov;
};

/// g = grad + weight_decay * parameter, velocity = momentum * velocity + g, parameter -= learning_rate *
/// velocity, or by Nesterov learning_rate * (g + momentum * velocity); whether every parameter is then finite.
bool sgd_sweep(float* parameter, float* velocity, const float* grad, std::int64_t count, SgdStep<float> step);
bool sgd_sweep(double* parameter, double* velocity, const double* grad, std::int64_t count,
               SgdStep<double> step);

/// What `adam_sweep` multiplies by, all that is the same for every element.
template <class T>
struct AdamStep {
  T shrinkage;      ///< of the parameter: 1 - learning_rate * weight_decay
  T rate;           ///< learning_rate / (1 - beta1^t)
  T beta1;          ///< of the mean
  T grad_weight;    ///< 1 - beta1
  T beta2;          ///< of the variance
  T square_weight;  ///< 1 - beta2
  T root_scale;     ///< 1 / sqrt(1 - beta2^t)
  T epsilon;
};

/// mean = beta1 * mean + grad_weight * grad, variance = beta2 * variance + square_weight * grad^2,
/// parameter = shrinkage * parameter - rate * mean / (sqrt(variance) * root_scale + epsilon); whether every
/// variance and parameter is then finite.
bool adam_sweep(float* parameter, float* mean, float* variance, const float* grad, std::int64_t count,
                AdamStep<float> step);
bool adam_sweep(double* parameter, double* mean, double* variance, const double* grad, std::int64_t count,
                AdamStep<double> step);

/// The sum of the squares, in double: each sixteenth element into the same of sixteen sums.
double sum_of_squares(const float* src, std::int64_t count);
double sum_of_squares(const double* src, std::int64_t count);

/// dst[i] = src[i] * factor.
void scaled_copy(const float* src, float* dst, std::int64_t count, float factor);
void scaled_copy(const double* src, double* dst, std::int64_t count, double factor);

/// The sum, in double, into sixteen sums as above.
double sum_of(const float* src, std::int64_t count);
/// The same of the products of two arrays.
double sum_of_products(const float* a, const float* b, std::int64_t count);

/// dst[j] = the largest src[i, j] over i, for src (rows, columns); NaN where one is.
void max_rows(const float* src, float* dst, std::int64_t rows, std::int64_t columns);
/// dst[i] = the largest src[i, j] over j.
void max_columns(const float* src, float* dst, std::int64_t rows, std::int64_t columns);

/// What a random mask is a function of.
struct MaskStream {
  std::uint32_t key0, key1;
  std::uint32_t count0, count1;
};

/// The elements of a mask that are drawn together.
inline constexpr std::int64_t mask_chunk = 64;

/// mask[i] = 0 where a random word, one an element, is below `threshold`, else 1, for begin <= i < end;
/// `begin` must be a multiple of `mask_chunk`. The words are those of Philox 4x32-10 (Salmon, Moraes, Dror
/// and Shaw 2011), a function of a key and a counter: element i is word (i / 16) % 4 of what the counter
/// {16 (i / 64) + i % 16, stream count} gives, so that 16 counters fill 64 elements in vectors.
void random_mask(const MaskStream& stream, std::int64_t begin, std::int64_t end, std::uint32_t threshold,
                 std::uint8_t* mask);

/// dst = src where src > 0, else 0; NaN stays. dst may be src.
void relu(const float* src, float* dst, std::int64_t count);

/// ReLU's derivative: grad_src = grad_dst where dst > 0, else 0, and NaN where dst is. grad_src may be grad_dst.
void relu_backward(const float* grad_dst, const float* dst, float* grad_src, std::int64_t count);

/// The same with a bias behind it, in one pass: sums[j] += the sum of grad_src over rows.
void relu_backward_with_bias(const float* grad_dst, const float* dst, float* grad_src, double* sums,
                             std::int64_t rows, std::int64_t columns);

}  // namespace keel::loops

#pragma GCC visibility pop
