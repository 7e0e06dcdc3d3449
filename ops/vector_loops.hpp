#pragma once

#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel::loops {

// The loops of a training step that no oneDNN primitive covers. Those over f32 are compiled for several widths
// of vectors (KEEL_EACH_WIDTH, see meson.build). Each element is computed by the same operations everywhere,
// so the results do not depend on the width.

/// What `sgd_sweep` multiplies by.
template <class T>
struct SgdStep {
  T learning_rate;
  T momentum = 0;
  T weight_decay = 0;
  bool nesterov = false;
};

/// g = grad + weight_decay * parameter, velocity = momentum * velocity + g, parameter -= learning_rate *
/// velocity, or by Nesterov learning_rate * (g + momentum * velocity); whether every parameter is then finite.
/// Where `grad` is null, the velocity has had the momentum and the gradient, and gets the decay alone.
bool sgd_sweep(float* parameter, float* velocity, const float* grad, std::int64_t count, SgdStep<float> step);
bool sgd_sweep(double* parameter, double* velocity, const double* grad, std::int64_t count,
               SgdStep<double> step);

/// Plain SGD with momentum.
inline bool momentum_sweep(float* parameter, float* velocity, const float* grad, std::int64_t count,
                           float learning_rate, float momentum) {
  return sgd_sweep(parameter, velocity, grad, count, {.learning_rate = learning_rate, .momentum = momentum});
}

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

/// What `rmsprop_sweep` multiplies by.
template <class T>
struct RmspropStep {
  T learning_rate;
  T alpha;          ///< of the square
  T square_weight;  ///< 1 - alpha
  T epsilon;
  T weight_decay;
};

/// g = grad + weight_decay * parameter, square = alpha * square + square_weight * g^2, parameter -= learning_rate
/// * g / (sqrt(square) + epsilon); whether every square and parameter is then finite.
bool rmsprop_sweep(float* parameter, float* square, const float* grad, std::int64_t count,
                   RmspropStep<float> step);
bool rmsprop_sweep(double* parameter, double* square, const double* grad, std::int64_t count,
                   RmspropStep<double> step);

/// What `lion_sweep` multiplies by.
template <class T>
struct LionStep {
  T shrinkage;  ///< of the parameter: 1 - learning_rate * weight_decay
  T learning_rate;
  T beta1;             ///< of the mean in the direction
  T direction_weight;  ///< 1 - beta1
  T beta2;             ///< of the mean
  T grad_weight;       ///< 1 - beta2
};

/// parameter = shrinkage * parameter - learning_rate * sign(beta1 * mean + direction_weight * grad), mean = beta2
/// * mean + grad_weight * grad; whether every mean and parameter is then finite.
bool lion_sweep(float* parameter, float* mean, const float* grad, std::int64_t count, LionStep<float> step);
bool lion_sweep(double* parameter, double* mean, const double* grad, std::int64_t count,
                LionStep<double> step);

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

/// ReLU's derivative with a bias behind it, in one pass: grad_src = grad_dst where dst > 0, else 0, and NaN
/// where dst is; sums[j] += the sum of grad_src over rows. grad_src may be grad_dst.
void relu_backward_with_bias(const float* grad_dst, const float* dst, float* grad_src, double* sums,
                             std::int64_t rows, std::int64_t columns);

}  // namespace keel::loops

#pragma GCC visibility pop
