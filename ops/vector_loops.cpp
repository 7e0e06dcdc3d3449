#include "keel/ops/vector_loops.hpp"

#include "keel/ops/vector_loop_bodies.hpp"

namespace keel::loops {

KEEL_EACH_WIDTH bool momentum_sweep(float* parameter, float* velocity, const float* grad, std::int64_t count,
                                    float learning_rate, float momentum) {
  return momentum_sweep_body(parameter, velocity, grad, count, learning_rate, momentum);
}

KEEL_EACH_WIDTH bool velocity_sweep(float* parameter, const float* velocity, std::int64_t count,
                                    float learning_rate) {
  return velocity_sweep_body(parameter, velocity, count, learning_rate);
}

KEEL_EACH_WIDTH bool decayed_velocity_sweep(float* parameter, float* velocity, std::int64_t count,
                                            float learning_rate, float weight_decay) {
  return decayed_velocity_sweep_body(parameter, velocity, count, learning_rate, weight_decay);
}

KEEL_EACH_WIDTH bool sgd_sweep(float* parameter, float* velocity, const float* grad, std::int64_t count,
                               SgdStep<float> step) {
  return sgd_sweep_body(parameter, velocity, grad, count, step);
}

KEEL_EACH_WIDTH bool adam_sweep(float* parameter, float* mean, float* variance, const float* grad,
                                std::int64_t count, AdamStep<float> step) {
  return adam_sweep_body(parameter, mean, variance, grad, count, step);
}

KEEL_EACH_WIDTH double sum_of_squares(const float* src, std::int64_t count) {
  return sum_of_squares_body(src, count);
}

KEEL_EACH_WIDTH void scaled_copy(const float* src, float* dst, std::int64_t count, float factor) {
  scaled_copy_body(src, dst, count, factor);
}

KEEL_EACH_WIDTH double sum_of(const float* src, std::int64_t count) {
  return sum_body(count, [src](std::int64_t i) { return static_cast<double>(src[i]); });
}

KEEL_EACH_WIDTH double sum_of_products(const float* a, const float* b, std::int64_t count) {
  return sum_body(count, [a, b](std::int64_t i) { return static_cast<double>(a[i]) * b[i]; });
}

KEEL_EACH_WIDTH void max_rows(const float* src, float* dst, std::int64_t rows, std::int64_t columns) {
  max_rows_body(src, dst, rows, columns);
}

KEEL_EACH_WIDTH void max_columns(const float* src, float* dst, std::int64_t rows, std::int64_t columns) {
  max_columns_body(src, dst, rows, columns);
}

KEEL_EACH_WIDTH void random_mask(const MaskStream& stream, std::int64_t begin, std::int64_t end,
                                 std::uint32_t threshold, std::uint8_t* mask) {
  random_mask_body(stream, begin, end, threshold, mask);
}

KEEL_EACH_WIDTH void relu(const float* src, float* dst, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] <= 0.0F ? 0.0F : src[i];
}

KEEL_EACH_WIDTH void relu_backward(const float* grad_dst, const float* dst, float* grad_src,
                                   std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) grad_src[i] = passed_by_relu(grad_dst[i], dst[i]);
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

bool momentum_sweep(double* parameter, double* velocity, const double* grad, std::int64_t count,
                    double learning_rate, double momentum) {
  return momentum_sweep_body(parameter, velocity, grad, count, learning_rate, momentum);
}

bool velocity_sweep(double* parameter, const double* velocity, std::int64_t count, double learning_rate) {
  return velocity_sweep_body(parameter, velocity, count, learning_rate);
}

bool decayed_velocity_sweep(double* parameter, double* velocity, std::int64_t count, double learning_rate,
                            double weight_decay) {
  return decayed_velocity_sweep_body(parameter, velocity, count, learning_rate, weight_decay);
}

bool sgd_sweep(double* parameter, double* velocity, const double* grad, std::int64_t count,
               SgdStep<double> step) {
  return sgd_sweep_body(parameter, velocity, grad, count, step);
}

bool adam_sweep(double* parameter, double* mean, double* variance, const double* grad, std::int64_t count,
                AdamStep<double> step) {
  return adam_sweep_body(parameter, mean, variance, grad, count, step);
}

double sum_of_squares(const double* src, std::int64_t count) {
  return sum_of_squares_body(src, count);
}

void scaled_copy(const double* src, double* dst, std::int64_t count, double factor) {
  scaled_copy_body(src, dst, count, factor);
}

}  // namespace keel::loops
