#include "keel/ops/channel_loops.hpp"

#include "keel/ops/vector_loop_bodies.hpp"

namespace keel::loops {
namespace {

constexpr std::int64_t lanes = 32;  // of one sum
constexpr std::int64_t lanes_of_three = 16;

template <bool relu>
[[gnu::always_inline]] inline void normalize_body(const float* src, const Centers& centers,
                                                  const float* __restrict scale, const float* __restrict beta,
                                                  const Rows& rows, float* dst) {
  const float* __restrict mean = centers.mean;
  const float* __restrict rest = centers.mean_rest;
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const float* from = src + i * rows.stride;
    float* __restrict to = dst + i * rows.stride;
    for (std::int64_t j = 0; j < rows.width; ++j) {
      const float y = ((from[j] - mean[j]) - rest[j]) * scale[j] + beta[j];
      to[j] = relu && y <= 0.0F ? 0.0F : y;
    }
  }
}

template <bool relu>
[[gnu::always_inline]] inline void gradient_sums_body(const float* src, const float* mean,
                                                      const float* grad_dst, const float* rectified,
                                                      const Rows& rows, const GradientSums& sums) {
  for_each_block<lanes_of_three>(rows.width, [&](std::int64_t first, auto count) {
    double values[lanes_of_three] = {};
    double grads[lanes_of_three] = {};
    double products[lanes_of_three] = {};
    for (std::int64_t i = 0; i < rows.count; ++i) {
      const auto begin = i * rows.stride + first;
      for (std::int64_t k = 0; k < count; ++k) {
        const float dy = grad_dst[begin + k];
        const double grad = relu ? passed_by_relu(dy, rectified[begin + k]) : dy;
        const double value = src[begin + k];
        values[k] += value;
        grads[k] += grad;
        products[k] += grad * (value - mean[first + k]);
      }
    }
    for (std::int64_t k = 0; k < count; ++k) {
      sums.values[first + k] += values[k];
      sums.grads[first + k] += grads[k];
      sums.products[first + k] += products[k];
    }
  });
}

template <bool relu>
[[gnu::always_inline]] inline void backward_body(const float* src, const GradientTerms& terms,
                                                 const float* grad_dst, const float* rectified,
                                                 const Rows& rows, float* grad_src) {
  const float* __restrict mean = terms.centers.mean;
  const float* __restrict rest = terms.centers.mean_rest;
  const float* __restrict scale = terms.scale;
  const float* __restrict mean_grad = terms.mean_grad;
  const float* __restrict projection = terms.projection;
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const float* x = src + i * rows.stride;
    const float* dy = grad_dst + i * rows.stride;
    const float* y = relu ? rectified + i * rows.stride : nullptr;
    float* __restrict dx = grad_src + i * rows.stride;
    for (std::int64_t j = 0; j < rows.width; ++j) {
      const float grad = relu ? passed_by_relu(dy[j], y[j]) : dy[j];
      const float deviation = (x[j] - mean[j]) - rest[j];
      dx[j] = scale[j] * ((grad - mean_grad[j]) - deviation * projection[j]);
    }
  }
}

}  // namespace

KEEL_EACH_WIDTH void add_rows(const float* src, const Rows& rows, double* __restrict sums) {
  for_each_block<lanes>(rows.width, [&](std::int64_t first, auto count) {
    double block[lanes] = {};
    for (std::int64_t i = 0; i < rows.count; ++i) {
      const float* from = src + i * rows.stride + first;
      for (std::int64_t k = 0; k < count; ++k) block[k] += from[k];
    }
    for (std::int64_t k = 0; k < count; ++k) sums[first + k] += block[k];
  });
}

KEEL_EACH_WIDTH void add_squared_deviations(const float* src, const Centers& centers, const Rows& rows,
                                            double* __restrict squares) {
  for_each_block<lanes>(rows.width, [&](std::int64_t first, auto count) {
    const float* __restrict mean = centers.mean + first;
    const float* __restrict rest = centers.mean_rest + first;
    double block[lanes] = {};
    for (std::int64_t i = 0; i < rows.count; ++i) {
      const float* from = src + i * rows.stride + first;
      for (std::int64_t k = 0; k < count; ++k) {
        const double deviation = (from[k] - mean[k]) - rest[k];
        block[k] += deviation * deviation;
      }
    }
    for (std::int64_t k = 0; k < count; ++k) squares[first + k] += block[k];
  });
}

KEEL_EACH_WIDTH void normalize(const float* src, const Centers& centers, const float* scale,
                               const float* beta, const Rows& rows, bool relu, float* dst) {
  if (relu)
    normalize_body<true>(src, centers, scale, beta, rows, dst);
  else
    normalize_body<false>(src, centers, scale, beta, rows, dst);
}

KEEL_EACH_WIDTH void add_gradient_sums(const float* src, const float* mean, const float* grad_dst,
                                       const float* rectified, const Rows& rows, const GradientSums& sums) {
  if (rectified != nullptr)
    gradient_sums_body<true>(src, mean, grad_dst, rectified, rows, sums);
  else
    gradient_sums_body<false>(src, mean, grad_dst, nullptr, rows, sums);
}

KEEL_EACH_WIDTH void normalization_backward(const float* src, const GradientTerms& terms,
                                            const float* grad_dst, const float* rectified, const Rows& rows,
                                            float* grad_src) {
  if (rectified != nullptr)
    backward_body<true>(src, terms, grad_dst, rectified, rows, grad_src);
  else
    backward_body<false>(src, terms, grad_dst, nullptr, rows, grad_src);
}

}  // namespace keel::loops
