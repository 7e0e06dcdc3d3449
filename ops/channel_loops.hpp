#pragma once

#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel::loops {

// The loops of batch normalization, over rows of a matrix each column of which belongs to one channel. Sums
// are taken in double, column by column in the order of the rows, whatever the width of vectors.

/// Where rows begin: `width` neighbours each, `stride` elements from one to the next.
struct Rows {
  std::int64_t count;
  std::int64_t width;
  std::int64_t stride;
};

/// sums[j] += the sum of src[i, j] over i.
void add_rows(const float* src, const Rows& rows, double* sums);

/// What is the same for a whole column. The mean is in two parts, the second less than half a unit in the
/// last place of the first, since a deviation from a large mean needs more digits than a float has.
struct Centers {
  const float* mean;
  const float* mean_rest;
};

/// squares[j] += the sum of (src[i, j] - mean[j])^2 over i.
void add_squared_deviations(const float* src, const Centers& centers, const Rows& rows, double* squares);

/// dst[i, j] = (src[i, j] - mean[j]) * scale[j] + beta[j], and with `relu` 0 where that is below 0; NaN stays.
void normalize(const float* src, const Centers& centers, const float* scale, const float* beta,
               const Rows& rows, bool relu, float* dst);

/// The sums that the derivative is made of, column by column.
struct GradientSums {
  double* values;    ///< += the sum of src
  double* grads;     ///< += the sum of grad_dst
  double* products;  ///< += the sum of grad_dst * (src - mean)
};

/// `rectified` is what a ReLU made of the result, which lets through grad_dst where it is above 0 alone; null
/// without one.
void add_gradient_sums(const float* src, const float* mean, const float* grad_dst, const float* rectified,
                       const Rows& rows, const GradientSums& sums);

/// What is the same for a whole column of the derivative.
struct GradientTerms {
  Centers centers;
  const float* scale;
  const float* mean_grad;
  const float* projection;
};

/// grad_src[i, j] = scale[j] * (grad_dst[i, j] - mean_grad[j] - (src[i, j] - mean[j]) * projection[j]).
void normalization_backward(const float* src, const GradientTerms& terms, const float* grad_dst,
                            const float* rectified, const Rows& rows, float* grad_src);

}  // namespace keel::loops

#pragma GCC visibility pop
