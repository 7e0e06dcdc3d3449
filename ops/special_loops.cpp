#include "keel/ops/special_loops.hpp"

#include <algorithm>
#include <cmath>

#include "keel/ops/special_functions.hpp"

namespace keel::loops {
namespace {

// Few numbers are as large as `near_limit`, and loops without a branch are vectors: a block that has one is
// computed one by one, to the same bits.
template <class Function>
[[gnu::always_inline]] inline void by_quadrants(const float* src, float* dst, std::int64_t count,
                                                const Function& function) {
  constexpr std::int64_t block = 256;
  for (std::int64_t begin = 0; begin < count; begin += block) {
    const auto end = std::min(count, begin + block);
    std::uint32_t far = 0;
    for (auto i = begin; i < end; ++i) far |= std::abs(src[i]) < near_limit ? 0U : 1U;
    if (far == 0) {
      for (auto i = begin; i < end; ++i) dst[i] = function(src[i], quadrant_near(src[i]));
    } else {
      for (auto i = begin; i < end; ++i) {
        const float x = src[i];
        dst[i] = function(x, std::abs(x) < near_limit ? quadrant_near(x) : quadrant_far(x));
      }
    }
  }
}

}  // namespace

KEEL_EACH_WIDTH void absolute(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = std::abs(src[i]);
}

KEEL_EACH_WIDTH void sign(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] > 0.0F ? 1.0F : (src[i] < 0.0F ? -1.0F : src[i]);
}

KEEL_EACH_WIDTH void floor(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = std::floor(src[i]);
}

KEEL_EACH_WIDTH void ceil(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = std::ceil(src[i]);
}

KEEL_EACH_WIDTH void round(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = std::nearbyint(src[i]);
}

KEEL_EACH_WIDTH void clamp(const float* src, float* dst, std::int64_t count, Settings bounds) {
  const auto lower = static_cast<float>(bounds.a);
  const auto upper = static_cast<float>(bounds.b);
  for (std::int64_t i = 0; i < count; ++i) {
    const float raised = src[i] < lower ? lower : src[i];
    dst[i] = raised > upper ? upper : raised;  // NaN stays NaN
  }
}

KEEL_EACH_WIDTH void is_between(const float* src, float* dst, std::int64_t count, Settings bounds) {
  const auto lower = static_cast<float>(bounds.a);
  const auto upper = static_cast<float>(bounds.b);
  for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] >= lower && src[i] <= upper ? 1.0F : 0.0F;
}

KEEL_EACH_WIDTH void log1p(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = log_one_plus(src[i]);
}

KEEL_EACH_WIDTH void expm1(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = exponential_minus_one(src[i]);
}

KEEL_EACH_WIDTH void softplus(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = soft_plus(src[i]);
}

KEEL_EACH_WIDTH void silu(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = sigmoid_linear_unit(src[i]);
}

KEEL_EACH_WIDTH void erf(const float* src, float* dst, std::int64_t count, Settings) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = error_function(src[i]);
}

KEEL_EACH_WIDTH void sin(const float* src, float* dst, std::int64_t count, Settings) {
  by_quadrants(src, dst, count, sine);
}

KEEL_EACH_WIDTH void cos(const float* src, float* dst, std::int64_t count, Settings) {
  by_quadrants(src, dst, count, cosine);
}

// In double, but for squares, which are as good without.
KEEL_EACH_WIDTH void power(const float* src, float* dst, std::int64_t count, Settings settings) {
  if (settings.a == 2.0) {
    for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] * src[i];
    return;
  }
  for (std::int64_t i = 0; i < count; ++i)
    dst[i] = static_cast<float>(std::pow(static_cast<double>(src[i]), settings.a));
}

}  // namespace keel::loops
