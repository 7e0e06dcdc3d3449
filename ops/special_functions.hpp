#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "keel/ops/unary_functions.hpp"

#pragma GCC visibility push(hidden)

// More functions of one f32 number, on the terms of unary_functions.hpp, for the loops in special_loops.cpp.

namespace keel::loops {

// By Kahan: what rounding 1 + x loses comes back as the factor x / ((1 + x) - 1).
[[gnu::always_inline]] inline float log_one_plus(float x) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float sum = 1.0F + x;
  const float y = logarithm(sum) * (x / (sum - 1.0F));
  return sum != 1.0F && x < infinity ? y : x;
}

// e^x - 1 = 2 ((e^r - 1) 2^(n-1) + (2^(n-1) - 1/2)), halved so that 2^n may be 2^128. Where n is 0, halves of
// denormal numbers would be lost.
[[gnu::always_inline]] inline float exponential_minus_one(float x) {
  constexpr float lowest = -80.0F;  // below and above, the results are -1 and infinity
  constexpr float highest = 89.0F;
  const float raised = x < lowest ? lowest : x;
  const auto [n, r] = reduced(raised > highest ? highest : raised);
  const float half = power_of_two(n, -1U);
  const float e = exp_minus_one(r);
  const float y = 2.0F * (e * half + (half - 0.5F));
  return std::copysign(half == 0.5F ? e : y, x);
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)
[[gnu::always_inline]] inline float soft_plus(float x) {
  return log_one_plus(exponential(-std::abs(x))) + (x > 0.0F ? x : 0.0F);
}

// x / (1 + e^-x). Below 0 that is x z / (1 + z) with z = e^x. x - x is NaN for infinities.
[[gnu::always_inline]] inline float sigmoid_linear_unit(float x) {
  constexpr float highest = 110.0F;  // from here on x e^-x rounds to 0
  float magnitude = std::abs(x);
  magnitude = magnitude > highest ? highest : magnitude;
  const float scaled = scaled_exponential(reduced(-magnitude));
  const float denominator = 1.0F + scaled * scale;
  return x < 0.0F ? -(magnitude * scaled / denominator * scale + (x - x)) : x / denominator;
}

// Up to 1 it is x + x q(x^2), q being good to 1.4e-9 of the result; above, 1 - 2 Phi(-z) with z = x sqrt 2.
[[gnu::always_inline]] inline float error_function(float x) {
  const float magnitude = std::abs(x);
  const float square = magnitude * magnitude;
  float q = 7.8069031588e-05F;
  q = q * square + -7.9978530994e-04F;
  q = q * square + 5.1871621981e-03F;
  q = q * square + -2.6853347197e-02F;
  q = q * square + 1.1283578724e-01F;
  q = q * square + -3.7612625957e-01F;
  q = q * square + 1.2837916613e-01F;
  const float near = magnitude + magnitude * q;
  float z = magnitude * std::numbers::sqrt2_v<float>;
  z = z > no_normal_tail ? no_normal_tail : z;
  const float far = 1.0F - 2.0F * normal_tail_moment(z) / z;
  return std::copysign(magnitude < 1.0F ? near : far, x);
}

// x = n pi / 2 + r with |r| <= pi / 4, to the last bits of r.
struct Quadrant {
  std::uint32_t n;  // in the low bits
  float r;
};

// Up to here `quadrant_near` is exact enough.
inline constexpr float near_limit = 0x1p25F;

// pi / 2 in two parts: a product of the first, of 25 bits, and n is exact, and so is its difference from x.
[[gnu::always_inline]] inline Quadrant quadrant_near(float x) {
  constexpr double rounder_f64 = 0x1.8p52;
  constexpr double high = 0x1.921fb5p0;
  constexpr double low = 0x1.110b4611a6263p-26;
  const double shifted = x * 0x1.45f306dc9c883p-1 + rounder_f64;
  const double n = shifted - rounder_f64;
  return {static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(shifted)),
          static_cast<float>((x - n * high) - n * low)};
}

// From `near_limit` on, by Payne and Hanek: x is m 2^e, and of the bits of 2 / pi those that give multiples of 4
// are left out, and those after the next 96. Then m times these is x 2 / pi modulo 4 to 2^-60. NaN for infinity.
inline Quadrant quadrant_far(float x) {
  constexpr std::array<std::uint64_t, 7> two_over_pi{0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0,
                                                     0xDB629599, 0x3C439041, 0xFE5163AB};
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint64_t m = (bits & 0x007FFFFFU) | 0x00800000U;
  const std::uint32_t left_out = (bits >> 23U & 0xFFU) - 150U - 2U;
  const auto word = [&](std::uint32_t i) {
    const auto first = left_out / 32U + i;
    return (two_over_pi[first] << 32U | two_over_pi[first + 1U]) << left_out % 32U >> 32U;
  };
  const std::uint64_t turns = m * (word(0) << 32U | word(1)) + (m * word(2) >> 32U);  // in units of 2^-62
  const std::uint64_t n = (turns + (1ULL << 61U)) >> 62U;
  const auto rest = static_cast<double>(static_cast<std::int64_t>(turns - (n << 62U)));
  const auto r = static_cast<float>(rest * 0x1p-62 * (std::numbers::pi / 2.0));
  const auto quarter = static_cast<std::uint32_t>(n);
  return x < 0.0F ? Quadrant{-quarter, (x - x) - r} : Quadrant{quarter, (x - x) + r};
}

// The sine of n pi / 2 + r. Its polynomials are good to 4e-9 and 1.2e-10.
[[gnu::always_inline]] inline float sine_of(Quadrant x) {
  const float square = x.r * x.r;
  const float p = -1.6666655242e-01F + square * (8.3321891725e-03F + square * -1.9518285990e-04F);
  const float q = 4.1666645557e-02F + square * (-1.3887309469e-03F + square * 2.4432327336e-05F);
  const float sine = x.r + x.r * square * p;
  const float cosine = (1.0F - 0.5F * square) + square * square * q;
  const float y = (x.n & 1U) != 0 ? cosine : sine;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(y) ^ (x.n & 2U) << 30U);
}

// -0 stays what it is.
[[gnu::always_inline]] inline float sine(float x, Quadrant reduced) {
  return x == 0.0F ? x : sine_of(reduced);
}

[[gnu::always_inline]] inline float cosine(float, Quadrant reduced) {
  return sine_of({reduced.n + 1U, reduced.r});
}

}  // namespace keel::loops

#pragma GCC visibility pop
