#include "keel/ops/vector_loops.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "keel/ops/vector_loop_bodies.hpp"

namespace keel::loops {
namespace {

template <class T>
[[gnu::always_inline]] inline bool is_finite(T value) {
  // By its bits, since a comparison would keep the loop from being vectorised: all of the exponent's are set
  // if not.
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr auto exponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  return (std::bit_cast<Bits>(value) & exponent) != exponent;
}

// The updates look at the parameter that comes out, not at the velocity: whatever is not finite shows in it,
// also a parameter that was lost before and whose gradient is 0, since a ReLU took its NaN for negative.

template <bool decays, bool nesterov, class T>
[[gnu::always_inline]] inline bool sgd_sweep_of(T* __restrict parameter, T* __restrict velocity,
                                                const T* __restrict grad, std::int64_t count,
                                                SgdStep<T> step) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const T decayed = decays ? grad[i] + step.weight_decay * parameter[i] : grad[i];
    velocity[i] = step.momentum * velocity[i] + decayed;
    parameter[i] -= step.learning_rate * (nesterov ? decayed + step.momentum * velocity[i] : velocity[i]);
    found |= is_finite(parameter[i]) ? 0U : 1U;
  }
  return found == 0;
}

template <bool decays, class T>
[[gnu::always_inline]] inline bool velocity_sweep_of(T* __restrict parameter, T* __restrict velocity,
                                                     std::int64_t count, SgdStep<T> step) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (decays) velocity[i] += step.weight_decay * parameter[i];
    parameter[i] -= step.learning_rate * velocity[i];
    found |= is_finite(parameter[i]) ? 0U : 1U;
  }
  return found == 0;
}

template <class T>
[[gnu::always_inline]] inline bool sgd_sweep_body(T* parameter, T* velocity, const T* grad,
                                                  std::int64_t count, SgdStep<T> step) {
  const bool decays = step.weight_decay != T{0};
  if (grad == nullptr) {
    return decays ? velocity_sweep_of<true>(parameter, velocity, count, step)
                  : velocity_sweep_of<false>(parameter, velocity, count, step);
  }
  if (step.nesterov) return sgd_sweep_of<true, true>(parameter, velocity, grad, count, step);
  return decays ? sgd_sweep_of<true, false>(parameter, velocity, grad, count, step)
                : sgd_sweep_of<false, false>(parameter, velocity, grad, count, step);
}

// A gradient that is not finite makes the variance so, which therefore tells of the mean as well; one whose
// square overflows leaves the parameter as it is.
template <class T>
[[gnu::always_inline]] inline bool adam_sweep_body(T* __restrict parameter, T* __restrict mean,
                                                   T* __restrict variance, const T* __restrict grad,
                                                   std::int64_t count, AdamStep<T> step) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    mean[i] = step.beta1 * mean[i] + step.grad_weight * grad[i];
    variance[i] = step.beta2 * variance[i] + step.square_weight * (grad[i] * grad[i]);
    const T denominator = std::sqrt(variance[i]) * step.root_scale + step.epsilon;
    parameter[i] = step.shrinkage * parameter[i] - step.rate * (mean[i] / denominator);
    found |= (is_finite(variance[i]) ? 0U : 1U) | (is_finite(parameter[i]) ? 0U : 1U);
  }
  return found == 0;
}

template <class T>
[[gnu::always_inline]] inline bool rmsprop_sweep_body(T* __restrict parameter, T* __restrict square,
                                                      const T* __restrict grad, std::int64_t count,
                                                      RmspropStep<T> step) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const T decayed = grad[i] + step.weight_decay * parameter[i];
    square[i] = step.alpha * square[i] + step.square_weight * (decayed * decayed);
    parameter[i] -= step.learning_rate * (decayed / (std::sqrt(square[i]) + step.epsilon));
    found |= (is_finite(square[i]) ? 0U : 1U) | (is_finite(parameter[i]) ? 0U : 1U);
  }
  return found == 0;
}

// A direction that is not a number has no sign, so that the mean alone tells of it.
template <class T>
[[gnu::always_inline]] inline bool lion_sweep_body(T* __restrict parameter, T* __restrict mean,
                                                   const T* __restrict grad, std::int64_t count,
                                                   LionStep<T> step) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const T direction = step.beta1 * mean[i] + step.direction_weight * grad[i];
    const T up = direction > T{0} ? step.learning_rate : T{0};
    const T down = direction < T{0} ? step.learning_rate : T{0};
    parameter[i] = step.shrinkage * parameter[i] - (up - down);
    mean[i] = step.beta2 * mean[i] + step.grad_weight * grad[i];
    found |= (is_finite(mean[i]) ? 0U : 1U) | (is_finite(parameter[i]) ? 0U : 1U);
  }
  return found == 0;
}

template <class T>
[[gnu::always_inline]] inline double sum_of_squares_body(const T* src, std::int64_t count) {
  return sum_body(count, [src](std::int64_t i) {
    const double value = src[i];
    return value * value;
  });
}

template <class T>
[[gnu::always_inline]] inline void scaled_copy_body(const T* __restrict src, T* __restrict dst,
                                                    std::int64_t count, T factor) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] * factor;
}

[[gnu::always_inline]] inline float larger(float value, float largest) {
  const float larger_number = value > largest ? value : largest;  // a NaN in `largest` stays there
  return value != value ? value : larger_number;
}

}  // namespace

KEEL_EACH_WIDTH bool sgd_sweep(float* parameter, float* velocity, const float* grad, std::int64_t count,
                               SgdStep<float> step) {
  return sgd_sweep_body(parameter, velocity, grad, count, step);
}

bool sgd_sweep(double* parameter, double* velocity, const double* grad, std::int64_t count,
               SgdStep<double> step) {
  return sgd_sweep_body(parameter, velocity, grad, count, step);
}

KEEL_EACH_WIDTH bool adam_sweep(float* parameter, float* mean, float* variance, const float* grad,
                                std::int64_t count, AdamStep<float> step) {
  return adam_sweep_body(parameter, mean, variance, grad, count, step);
}

bool adam_sweep(double* parameter, double* mean, double* variance, const double* grad, std::int64_t count,
                AdamStep<double> step) {
  return adam_sweep_body(parameter, mean, variance, grad, count, step);
}

KEEL_EACH_WIDTH bool rmsprop_sweep(float* parameter, float* square, const float* grad, std::int64_t count,
                                   RmspropStep<float> step) {
  return rmsprop_sweep_body(parameter, square, grad, count, step);
}

bool rmsprop_sweep(double* parameter, double* square, const double* grad, std::int64_t count,
                   RmspropStep<double> step) {
  return rmsprop_sweep_body(parameter, square, grad, count, step);
}

KEEL_EACH_WIDTH bool lion_sweep(float* parameter, float* mean, const float* grad, std::int64_t count,
                                LionStep<float> step) {
  return lion_sweep_body(parameter, mean, grad, count, step);
}

bool lion_sweep(double* parameter, double* mean, const double* grad, std::int64_t count,
                LionStep<double> step) {
  return lion_sweep_body(parameter, mean, grad, count, step);
}

KEEL_EACH_WIDTH double sum_of_squares(const float* src, std::int64_t count) {
  return sum_of_squares_body(src, count);
}

double sum_of_squares(const double* src, std::int64_t count) {
  return sum_of_squares_body(src, count);
}

KEEL_EACH_WIDTH void scaled_copy(const float* src, float* dst, std::int64_t count, float factor) {
  scaled_copy_body(src, dst, count, factor);
}

void scaled_copy(const double* src, double* dst, std::int64_t count, double factor) {
  scaled_copy_body(src, dst, count, factor);
}

KEEL_EACH_WIDTH double sum_of(const float* src, std::int64_t count) {
  return sum_body(count, [src](std::int64_t i) { return static_cast<double>(src[i]); });
}

KEEL_EACH_WIDTH double sum_of_products(const float* a, const float* b, std::int64_t count) {
  return sum_body(count, [a, b](std::int64_t i) { return static_cast<double>(a[i]) * b[i]; });
}

KEEL_EACH_WIDTH void max_rows(const float* __restrict src, float* __restrict dst, std::int64_t rows,
                              std::int64_t columns) {
  std::copy_n(src, columns, dst);
  for (std::int64_t i = 1; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) dst[j] = larger(src[i * columns + j], dst[j]);
  }
}

KEEL_EACH_WIDTH void max_columns(const float* __restrict src, float* __restrict dst, std::int64_t rows,
                                 std::int64_t columns) {
  constexpr std::int64_t lanes = 64;  // maxima of a row that are kept side by side, to fill vectors
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* row = src + i * columns;
    float largest = row[0];
    std::int64_t j = 0;
    if (columns >= lanes) {
      float partial[lanes];
      std::copy_n(row, lanes, partial);
      for (j = lanes; j + lanes <= columns; j += lanes) {
        for (std::int64_t k = 0; k < lanes; ++k) partial[k] = larger(row[j + k], partial[k]);
      }
      for (const float value : partial) largest = larger(value, largest);
    }
    for (; j < columns; ++j) largest = larger(row[j], largest);
    dst[i] = largest;
  }
}

// A few rows at a time, so that what a block of columns skips of them is still near.
KEEL_EACH_WIDTH void relu_backward_with_bias(const float* grad_dst, const float* dst, float* grad_src,
                                             double* __restrict sums, std::int64_t rows,
                                             std::int64_t columns) {
  constexpr std::int64_t few_rows = 64;
  constexpr std::int64_t lanes = 32;
  for (std::int64_t top = 0; top < rows; top += few_rows) {
    const auto bottom = std::min(rows, top + few_rows);
    for_each_block<lanes>(columns, [&](std::int64_t first, auto count) {
      double block[lanes] = {};
      for (std::int64_t i = top; i < bottom; ++i) {
        const auto begin = i * columns + first;
        for (std::int64_t k = 0; k < count; ++k) {
          const float grad = passed_by_relu(grad_dst[begin + k], dst[begin + k]);
          grad_src[begin + k] = grad;
          block[k] += grad;
        }
      }
      for (std::int64_t k = 0; k < count; ++k) sums[first + k] += block[k];
    });
  }
}

}  // namespace keel::loops
