#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#pragma GCC visibility push(hidden)

// Functions of one f32 number, to be inlined into the loops in unary_loops.cpp: no branches, so that the
// loops become vectors, no tables, no fused multiply-add, so that every width of vectors gives the same bits.
//
// The coefficients are minimax fits of the relative error (Lawson's iteration on 3000 Chebyshev nodes), each
// rounded to f32 before the next ones were fitted again.

namespace keel::loops {

// Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
inline constexpr float rounder = 12582912.0F;

// ln 2 in two parts; a product of the first, of 9 bits, and an exponent is exact.
inline constexpr float ln2_high = 0.693359375F;
inline constexpr float ln2_low = -2.12194440e-4F;

// x = n ln 2 + r with |r| <= ln 2 / 2.
struct Reduced {
  std::uint32_t n;  // in the low bits
  float r;
};

[[gnu::always_inline]] inline Reduced reduced(float x) {
  const float shifted = x * std::numbers::log2e_v<float> + rounder;
  const float n = shifted - rounder;
  return {std::bit_cast<std::uint32_t>(shifted), (x - n * ln2_high) - n * ln2_low};
}

// 2^(n + offset); the sum, `more` bits of the exponent included, must be from -126 to 127.
[[gnu::always_inline]] inline float power_of_two(std::uint32_t n, std::uint32_t offset = 0,
                                                 std::uint32_t more = 0) {
  return std::bit_cast<float>((n << 23U) + (((127U + offset) << 23U) + more));
}

// e^r - 1 for |r| <= 0.35, as r + r^2 q(r), to 1.5e-8.
[[gnu::always_inline]] inline float exp_minus_one(float r) {
  const float square = r * r;
  const float q = (4.9999997020e-01F + 1.6666541994e-01F * r) +
                  square * ((4.1667431593e-02F + 8.3668762818e-03F * r) + square * 1.3871878618e-03F);
  return q * square + r;
}

// In two steps, 2^64 or 2^-64 being the second: results that are denormal are so rounded once, and those that
// are too large become infinity.
[[gnu::always_inline]] inline float exponential(float x) {
  constexpr float highest = 104.5F;  // e^-x rounds to 0
  const std::uint32_t sign = std::bit_cast<std::uint32_t>(x) & 0x80000000U;
  float magnitude = std::abs(x);
  magnitude = magnitude > highest ? highest : magnitude;  // which NaN passes
  const auto [n, r] = reduced(std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign));
  const std::uint32_t two_to_128 = sign >> 1U;  // the exponent's bits if x is negative, else 0
  const float first = power_of_two(n, -64U, two_to_128);
  const auto second = std::bit_cast<float>(((127U + 64U) << 23U) - two_to_128);
  return (exp_minus_one(r) + 1.0F) * first * second;
}

// log x = e ln 2 + log(1 + f) with f from sqrt(1/2) - 1 to sqrt 2 - 1, which is f - f^2 / 2 + f^3 q(f), to
// 6e-9.
[[gnu::always_inline]] inline float logarithm(float x) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr std::uint32_t root_half = 0x3F3504F3U;  // the bits of sqrt(1/2)
  const bool denormal = x < 0x1p-126F;
  const auto bits = std::bit_cast<std::uint32_t>(denormal ? x * 0x1p23F : x) - root_half;
  const float f = std::bit_cast<float>((bits & 0x007FFFFFU) + root_half) - 1.0F;
  const float e = static_cast<float>(static_cast<std::int32_t>(bits) >> 23) + (denormal ? -23.0F : 0.0F);
  float q = -7.6364494860e-02F;
  q = q * f + 1.2766207755e-01F;
  q = q * f + -1.3161464036e-01F;
  q = q * f + 1.4201176167e-01F;
  q = q * f + -1.6623190045e-01F;
  q = q * f + 2.0001250505e-01F;
  q = q * f + -2.5000825524e-01F;
  q = q * f + 3.3333331347e-01F;
  const float square = f * f;
  const float tail = (q * f * square + e * ln2_low) - 0.5F * square;
  const float y = (f + tail) + e * ln2_high;
  const float outside = x == 0.0F ? -infinity : (x < 0.0F ? std::numeric_limits<float>::quiet_NaN() : x);
  return x > 0.0F && x < infinity ? y : outside;
}

// 2^64 e^x for x <= 0. Multiplied by `scale` in the end, a product with it rounds once where it is denormal.
[[gnu::always_inline]] inline float scaled_exponential(Reduced x) {
  return (exp_minus_one(x.r) + 1.0F) * power_of_two(x.n, 64U);
}

inline constexpr float scale = 0x1p-64F;

// z = e^-|x|, then z / (1 + z) or 1 / (1 + z).
[[gnu::always_inline]] inline float logistic(float x) {
  constexpr float highest = 104.5F;  // e^-x rounds to 0
  float magnitude = std::abs(x);
  magnitude = magnitude > highest ? highest : magnitude;
  const float z = scaled_exponential(reduced(-magnitude)) * scale;
  return (x < 0.0F ? z : 1.0F) / (1.0F + z);
}

// With t = e^(-2 |x|) - 1, tanh |x| = -t / (2 + t): no cancellation anywhere, and exact where |x| is small.
[[gnu::always_inline]] inline float hyperbolic_tangent(float x) {
  constexpr float highest = 10.0F;  // its tanh rounds to 1
  float magnitude = std::abs(x);
  magnitude = magnitude > highest ? highest : magnitude;
  const auto [n, r] = reduced(-2.0F * magnitude);
  const float power = power_of_two(n);
  const float t = exp_minus_one(r) * power + (power - 1.0F);
  return std::copysign(t / (2.0F + t), x);
}

inline constexpr float density_at_zero = 0.39894228F;  // 1 / sqrt(2 pi)
inline constexpr float no_normal_tail = 15.0F;         // from here on Phi(-z) rounds to 0, also times z

// exp(-z^2 / 2) is that of -h^2 / 2, exact since h is z cut off to 12 bits, and of the small rest.
[[gnu::always_inline]] inline Reduced reduced_normal_exponent(float z) {
  const auto h = std::bit_cast<float>(std::bit_cast<std::uint32_t>(z) & 0xFFFFF000U);
  const float rest = 0.5F * (z - h) * (z + h);
  auto [n, r] = reduced(-0.5F * h * h);
  return {n, r - rest};
}

// z Phi(-z) for z from 0 to 15, Phi being the normal distribution's cumulative function. Below 3/4, where
// Phi(z) - 1/2 is z h(z^2), the polynomial h is good to 6e-9. Above, z Phi(-z) = exp(-z^2 / 2) s(z), where s
// tends to 1 / sqrt(2 pi): what it lacks of that is a rational function, to 4e-9 of s.
[[gnu::always_inline]] inline float normal_tail_moment(float z) {
  const float square = z * z;
  float h = 9.7623116744e-05F;
  h = h * square + -1.1743408395e-03F;
  h = h * square + 9.9693574011e-03F;
  h = h * square + -6.6489830613e-02F;
  h = h * square + 3.9894226193e-01F;
  const float near = z * (0.5F - z * h);
  float numerator = 9.2510180548e-03F;
  numerator = numerator * z + 6.6718250513e-02F;
  numerator = numerator * z + 2.3356103897e-01F;
  numerator = numerator * z + 3.9898389578e-01F;
  float denominator = 2.3191200569e-02F;
  denominator = denominator * z + 1.6710656881e-01F;
  denominator = denominator * z + 6.5776765347e-01F;
  denominator = denominator * z + 1.4703731537e+00F;
  denominator = denominator * z + 1.8394936323e+00F;
  denominator = denominator * z + 1.0F;
  const float s = density_at_zero - numerator / denominator;
  const auto [n, r] = reduced_normal_exponent(z);
  const float far = (s + s * exp_minus_one(r)) * power_of_two(n, 64U) * scale;
  return z < 0.75F ? near : far;
}

// x - x is NaN for infinities.
[[gnu::always_inline]] inline float gaussian_unit(float x) {
  float z = std::abs(x);
  z = z > no_normal_tail ? no_normal_tail : z;
  const float tail = normal_tail_moment(z);
  return x < 0.0F ? -(tail + (x - x)) : x - tail;
}

// Phi(x) + x phi(x) = 1 - d for x > 0, and d below, where d = Phi(-z) - z phi(z) for z = |x|. Phi(-z) is
// exp(-z^2 / 2) times a rational function, to 1.5e-8; its coefficients are positive, so that nothing cancels.
[[gnu::always_inline]] inline float gaussian_unit_derivative(float x) {
  float z = std::abs(x);
  z = z > no_normal_tail ? no_normal_tail : z;
  float numerator = 4.1233343072e-03F;
  numerator = numerator * z + 4.0692169219e-02F;
  numerator = numerator * z + 1.8342645466e-01F;
  numerator = numerator * z + 4.3857809901e-01F;
  numerator = numerator * z + 0.5F;
  float denominator = 1.0335550644e-02F;
  denominator = denominator * z + 1.0200642794e-01F;
  denominator = denominator * z + 4.6997037530e-01F;
  denominator = denominator * z + 1.2033380270e+00F;
  denominator = denominator * z + 1.6750410795e+00F;
  denominator = denominator * z + 1.0F;
  const float ratio = numerator / denominator - z * density_at_zero;
  const float d = scaled_exponential(reduced_normal_exponent(z)) * ratio * scale;
  return (x < 0.0F ? d : 1.0F - d) + (x - x);
}

}  // namespace keel::loops

#pragma GCC visibility pop
