#include "keel/ops/unary_loops.hpp"

#include <cmath>

#include "keel/ops/unary_functions.hpp"
#include "keel/ops/vector_loop_bodies.hpp"

namespace keel::loops {

KEEL_EACH_WIDTH void negate(const float* src, float* dst, std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = -src[i];
}

KEEL_EACH_WIDTH void exp(const float* src, float* dst, std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = exponential(src[i]);
}

KEEL_EACH_WIDTH void log(const float* src, float* dst, std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = logarithm(src[i]);
}

KEEL_EACH_WIDTH void sqrt(const float* src, float* dst, std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = std::sqrt(src[i]);
}

KEEL_EACH_WIDTH void square(const float* src, float* dst, std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] * src[i];
}

KEEL_EACH_WIDTH void relu(const float* src, float* dst, std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] <= 0.0F ? 0.0F : src[i];
}

KEEL_EACH_WIDTH void leaky_relu(const float* src, float* dst, std::int64_t count, float slope) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] > 0.0F ? src[i] : slope * src[i];
}

KEEL_EACH_WIDTH void sigmoid(const float* src, float* dst, std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = logistic(src[i]);
}

KEEL_EACH_WIDTH void tanh(const float* src, float* dst, std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = hyperbolic_tangent(src[i]);
}

KEEL_EACH_WIDTH void gelu(const float* src, float* dst, std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = gaussian_unit(src[i]);
}

KEEL_EACH_WIDTH void relu_backward(const float* grad_dst, const float* dst, float* grad_src,
                                   std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) grad_src[i] = passed_by_relu(grad_dst[i], dst[i]);
}

KEEL_EACH_WIDTH void leaky_relu_backward(const float* grad_dst, const float* dst, float* grad_src,
                                         std::int64_t count, float slope) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float y = dst[i];
    grad_src[i] = grad_dst[i] * (y > 0.0F ? 1.0F : (y <= 0.0F ? slope : y));  // NaN stays NaN
  }
}

KEEL_EACH_WIDTH void sigmoid_backward(const float* grad_dst, const float* dst, float* grad_src,
                                      std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) grad_src[i] = grad_dst[i] * (dst[i] * (1.0F - dst[i]));
}

KEEL_EACH_WIDTH void tanh_backward(const float* grad_dst, const float* dst, float* grad_src,
                                   std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) grad_src[i] = grad_dst[i] * ((1.0F - dst[i]) * (1.0F + dst[i]));
}

KEEL_EACH_WIDTH void gelu_backward(const float* grad_dst, const float* src, float* grad_src,
                                   std::int64_t count, float) {
  for (std::int64_t i = 0; i < count; ++i) grad_src[i] = grad_dst[i] * gaussian_unit_derivative(src[i]);
}

}  // namespace keel::loops
