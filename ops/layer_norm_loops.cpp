#include "keel/ops/layer_norm_loops.hpp"

#include "keel/ops/vector_loop_bodies.hpp"

namespace keel::loops {

KEEL_EACH_WIDTH double sum_of_squared_deviations(const float* src, float mean, float mean_rest,
                                                 std::int64_t count) {
  return sum_body(count, [=](std::int64_t i) {
    const double deviation = (src[i] - mean) - mean_rest;
    return deviation * deviation;
  });
}

KEEL_EACH_WIDTH void normalize_row(const float* src, const RowStatistics& row, const float* __restrict gamma,
                                   const float* __restrict beta, std::int64_t count, float* dst) {
  const auto [mean, rest, inverse] = row;
  for (std::int64_t j = 0; j < count; ++j) dst[j] = (((src[j] - mean) - rest) * inverse) * gamma[j] + beta[j];
}

KEEL_EACH_WIDTH RowGradientSums row_gradient_sums(const float* src, float mean, const float* gamma,
                                                  const float* grad_dst, std::int64_t count) {
  const auto deviation = [=](std::int64_t j) { return static_cast<double>(src[j]) - mean; };
  const auto grad = [=](std::int64_t j) { return static_cast<double>(gamma[j]) * grad_dst[j]; };
  return {.deviations = sum_body(count, deviation),
          .grads = sum_body(count, grad),
          .products = sum_body(count, [=](std::int64_t j) { return grad(j) * deviation(j); })};
}

KEEL_EACH_WIDTH void layer_norm_row_backward(const float* src, const RowStatistics& row,
                                             const float* __restrict gamma, const float* grad_dst,
                                             float mean_grad, float projection, std::int64_t count,
                                             float* __restrict grad_src, double* __restrict grad_gamma,
                                             double* __restrict grad_beta) {
  const auto [mean, rest, inverse] = row;
  for (std::int64_t j = 0; j < count; ++j) {
    const float deviation = (src[j] - mean) - rest;
    grad_src[j] = inverse * ((gamma[j] * grad_dst[j] - mean_grad) - deviation * projection);
    grad_gamma[j] += grad_dst[j] * (deviation * inverse);
    grad_beta[j] += grad_dst[j];
  }
}

}  // namespace keel::loops
