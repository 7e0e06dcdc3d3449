#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>

namespace keel::loops {

// The bodies of the functions in vector_loops.hpp, to be inlined into each version of them.

template <class T>
[[gnu::always_inline]] inline bool is_finite(T value) {
  // By its bits, since a comparison would keep the loop from being vectorised: all of the exponent's are set
  // if not.
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr auto exponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  return (std::bit_cast<Bits>(value) & exponent) != exponent;
}

template <class T>
[[gnu::always_inline]] inline bool momentum_sweep_body(T* __restrict parameter, T* __restrict velocity,
                                                       const T* __restrict grad, std::int64_t count,
                                                       T learning_rate, T momentum) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    velocity[i] = momentum * velocity[i] + grad[i];
    parameter[i] -= learning_rate * velocity[i];
    found |= is_finite(velocity[i]) ? 0U : 1U;
  }
  return found == 0;
}

template <class T>
[[gnu::always_inline]] inline bool velocity_sweep_body(T* __restrict parameter, const T* __restrict velocity,
                                                       std::int64_t count, T learning_rate) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    parameter[i] -= learning_rate * velocity[i];
    found |= is_finite(velocity[i]) ? 0U : 1U;
  }
  return found == 0;
}

[[gnu::always_inline]] inline void add_rows_body(const float* __restrict src, float* __restrict dst,
                                                 std::int64_t rows, std::int64_t columns, float scale) {
  std::fill_n(dst, columns, 0.0F);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) dst[j] += src[i * columns + j];
  }
  if (scale != 1.0F) {
    for (std::int64_t j = 0; j < columns; ++j) dst[j] *= scale;
  }
}

[[gnu::always_inline]] inline float larger(float value, float largest) {
  const float larger_number = value > largest ? value : largest;  // a NaN in `largest` stays there
  return value != value ? value : larger_number;
}

[[gnu::always_inline]] inline void max_rows_body(const float* __restrict src, float* __restrict dst,
                                                 std::int64_t rows, std::int64_t columns) {
  std::copy_n(src, columns, dst);
  for (std::int64_t i = 1; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) dst[j] = larger(src[i * columns + j], dst[j]);
  }
}

[[gnu::always_inline]] inline void max_columns_body(const float* __restrict src, float* __restrict dst,
                                                    std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t lanes = 64;  // so many maxima of a row side by side, for the vectors' sake
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* row = src + i * columns;
    float largest = row[0];
    std::int64_t j = 0;
    if (columns >= lanes) {
      std::array<float, lanes> partial;
      std::copy_n(row, lanes, partial.data());
      for (j = lanes; j + lanes <= columns; j += lanes) {
        for (std::int64_t k = 0; k < lanes; ++k) partial.data()[k] = larger(row[j + k], partial.data()[k]);
      }
      for (const float value : partial) largest = larger(value, largest);
    }
    for (; j < columns; ++j) largest = larger(row[j], largest);
    dst[i] = largest;
  }
}

// exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <= ln 2 / 2, where a polynomial does (Moshier's
// Cephes, expf).
[[gnu::always_inline]] inline float exponential(float x) {
  constexpr float lowest = -87.336544F;  // exp of it is 2^-126, the least normal number
  constexpr float highest = 88.376262F;
  x = x < lowest ? lowest : x;  // comparisons that a NaN passes unchanged
  x = x > highest ? highest : x;
  // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
  constexpr float rounder = 12582912.0F;
  const float shifted = x * std::numbers::log2e_v<float> + rounder;
  const float n = shifted - rounder;
  const float r = (x - n * 0.693359375F) - n * -2.12194440e-4F;  // ln 2 in two parts, the first of few bits
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const auto exponent = (std::bit_cast<std::uint32_t>(shifted) + 127U) << 23U;
  return p * std::bit_cast<float>(exponent);
}

[[gnu::always_inline]] inline void exponentials_body(const float* src, float* dst, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = exponential(src[i]);
}

[[gnu::always_inline]] inline void relu_backward_with_bias_body(const float* grad_dst, const float* dst,
                                                                float* grad_src, float* __restrict grad_bias,
                                                                std::int64_t rows, std::int64_t columns) {
  std::fill_n(grad_bias, columns, 0.0F);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = i * columns; j < (i + 1) * columns; ++j) {
      const float grad = dst[j] > 0.0F ? grad_dst[j] : 0.0F;
      grad_src[j] = grad;
      grad_bias[j - i * columns] += grad;
    }
  }
}

[[gnu::always_inline]] inline void scale_bytes_body(const std::uint8_t* __restrict src, float* __restrict dst,
                                                    std::int64_t count, float scale, float shift) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(src[i]) * scale + shift;
}

}  // namespace keel::loops
