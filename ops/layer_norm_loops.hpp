#pragma once

#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel::loops {

// The loops of layer normalization, over one row. Sums are taken in double.

/// The mean of a row in two parts, the second less than half a unit in the last place of the first, and 1 /
/// sqrt(variance + epsilon).
struct RowStatistics {
  float mean;
  float mean_rest;
  float inverse;
};

/// The sum of (src - mean)^2.
double sum_of_squared_deviations(const float* src, float mean, float mean_rest, std::int64_t count);

/// dst = gamma * (src - mean) * inverse + beta.
void normalize_row(const float* src, const RowStatistics& row, const float* gamma, const float* beta,
                   std::int64_t count, float* dst);

/// What the derivative of a row is made of.
struct RowGradientSums {
  double deviations;  ///< the sum of src - mean
  double grads;       ///< of gamma * grad_dst
  double products;    ///< of gamma * grad_dst * (src - mean)
};
RowGradientSums row_gradient_sums(const float* src, float mean, const float* gamma, const float* grad_dst,
                                  std::int64_t count);

/// grad_src = inverse * (gamma * grad_dst - mean_grad - (src - mean) * projection), and what the row adds to
/// the gradients of gamma and beta.
void layer_norm_row_backward(const float* src, const RowStatistics& row, const float* gamma,
                             const float* grad_dst, float mean_grad, float projection, std::int64_t count,
                             float* grad_src, double* grad_gamma, double* grad_beta);

}  // namespace keel::loops

#pragma GCC visibility pop
