#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>

#include "keel/ops/vector_loops.hpp"

#pragma GCC visibility push(hidden)

namespace keel::loops {

// The bodies of the functions in vector_loops.hpp, to be inlined into each version of them.

// Calls `block(first, count)` for all columns, so many at a time that their sums stay in registers; the count
// is a constant but for the last few columns.
template <std::int64_t lanes, class Block>
[[gnu::always_inline]] inline void for_each_block(std::int64_t width, const Block& block) {
  std::int64_t first = 0;
  for (; first + lanes <= width; first += lanes) block(first, std::integral_constant<std::int64_t, lanes>{});
  if (first < width) block(first, width - first);
}

template <class T>
[[gnu::always_inline]] inline bool is_finite(T value) {
  // By its bits, since a comparison would keep the loop from being vectorised: all of the exponent's are set
  // if not.
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr auto exponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  return (std::bit_cast<Bits>(value) & exponent) != exponent;
}

// The updates look at the parameter that comes out, not at the velocity: whatever is not finite shows in it,
// also a parameter that was lost before and whose gradient is 0, since a ReLU took its NaN for negative.

template <class T>
[[gnu::always_inline]] inline bool momentum_sweep_body(T* __restrict parameter, T* __restrict velocity,
                                                       const T* __restrict grad, std::int64_t count,
                                                       T learning_rate, T momentum) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    velocity[i] = momentum * velocity[i] + grad[i];
    parameter[i] -= learning_rate * velocity[i];
    found |= is_finite(parameter[i]) ? 0U : 1U;
  }
  return found == 0;
}

template <class T>
[[gnu::always_inline]] inline bool velocity_sweep_body(T* __restrict parameter, const T* __restrict velocity,
                                                       std::int64_t count, T learning_rate) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    parameter[i] -= learning_rate * velocity[i];
    found |= is_finite(parameter[i]) ? 0U : 1U;
  }
  return found == 0;
}

template <class T>
[[gnu::always_inline]] inline bool decayed_velocity_sweep_body(T* __restrict parameter,
                                                               T* __restrict velocity, std::int64_t count,
                                                               T learning_rate, T weight_decay) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    velocity[i] += weight_decay * parameter[i];
    parameter[i] -= learning_rate * velocity[i];
    found |= is_finite(parameter[i]) ? 0U : 1U;
  }
  return found == 0;
}

template <bool nesterov, class T>
[[gnu::always_inline]] inline bool sgd_sweep_of(T* __restrict parameter, T* __restrict velocity,
                                                const T* __restrict grad, std::int64_t count,
                                                SgdStep<T> step) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const T decayed = grad[i] + step.weight_decay * parameter[i];
    velocity[i] = step.momentum * velocity[i] + decayed;
    parameter[i] -= step.learning_rate * (nesterov ? decayed + step.momentum * velocity[i] : velocity[i]);
    found |= is_finite(parameter[i]) ? 0U : 1U;
  }
  return found == 0;
}

template <class T>
[[gnu::always_inline]] inline bool sgd_sweep_body(T* __restrict parameter, T* __restrict velocity,
                                                  const T* __restrict grad, std::int64_t count,
                                                  SgdStep<T> step) {
  return step.nesterov ? sgd_sweep_of<true>(parameter, velocity, grad, count, step)
                       : sgd_sweep_of<false>(parameter, velocity, grad, count, step);
}

// A gradient that is not finite makes the variance so, which therefore tells of the mean as well; one whose
// square overflows leaves the parameter as it is.
template <class T>
[[gnu::always_inline]] inline bool adam_sweep_body(T* __restrict parameter, T* __restrict mean,
                                                   T* __restrict variance, const T* __restrict grad,
                                                   std::int64_t count, AdamStep<T> step) {
  unsigned found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    mean[i] = step.beta1 * mean[i] + step.grad_weight * grad[i];
    variance[i] = step.beta2 * variance[i] + step.square_weight * (grad[i] * grad[i]);
    const T denominator = std::sqrt(variance[i]) * step.root_scale + step.epsilon;
    parameter[i] = step.shrinkage * parameter[i] - step.rate * (mean[i] / denominator);
    found |= (is_finite(variance[i]) ? 0U : 1U) | (is_finite(parameter[i]) ? 0U : 1U);
  }
  return found == 0;
}

// Into sixteen sums, each sixteenth element into the same one, so that the result does not depend on the
// vectors' width.
template <class Term>
[[gnu::always_inline]] inline double sum_body(std::int64_t count, const Term& term) {
  constexpr std::int64_t lanes = 16;
  double sums[lanes] = {};
  const std::int64_t whole = count / lanes * lanes;
  for (std::int64_t i = 0; i < whole; i += lanes) {
    for (std::int64_t k = 0; k < lanes; ++k) sums[k] += term(i + k);
  }
  for (std::int64_t i = whole; i < count; ++i) sums[i - whole] += term(i);
  double total = 0.0;
  for (const double sum : sums) total += sum;
  return total;
}

template <class T>
[[gnu::always_inline]] inline double sum_of_squares_body(const T* src, std::int64_t count) {
  return sum_body(count, [src](std::int64_t i) {
    const double value = src[i];
    return value * value;
  });
}

template <class T>
[[gnu::always_inline]] inline void scaled_copy_body(const T* __restrict src, T* __restrict dst,
                                                    std::int64_t count, T factor) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = src[i] * factor;
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
      float partial[lanes];
      std::copy_n(row, lanes, partial);
      for (j = lanes; j + lanes <= columns; j += lanes) {
        for (std::int64_t k = 0; k < lanes; ++k) partial[k] = larger(row[j + k], partial[k]);
      }
      for (const float value : partial) largest = larger(value, largest);
    }
    for (; j < columns; ++j) largest = larger(row[j], largest);
    dst[i] = largest;
  }
}

// Sixteen counters of Philox 4x32 side by side.
struct PhiloxBlock {
  static constexpr std::size_t lanes = 16;
  std::uint32_t word[4][lanes];

  // Ten rounds: two multiplications to 64 bits, whose halves change places under the key, which moves on by
  // Weyl sequences.
  [[gnu::always_inline]] inline void scramble(std::uint32_t key0, std::uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
      for (std::size_t i = 0; i < lanes; ++i) {
        const std::uint64_t a = std::uint64_t{0xD2511F53U} * word[0][i];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * word[2][i];
        word[0][i] = static_cast<std::uint32_t>(b >> 32U) ^ word[1][i] ^ key0;
        word[1][i] = static_cast<std::uint32_t>(b);
        word[2][i] = static_cast<std::uint32_t>(a >> 32U) ^ word[3][i] ^ key1;
        word[3][i] = static_cast<std::uint32_t>(a);
      }
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
  }
};

[[gnu::always_inline]] inline void random_mask_body(const MaskStream& stream, std::int64_t begin,
                                                    std::int64_t end, std::uint32_t threshold,
                                                    std::uint8_t* __restrict mask) {
  constexpr auto lanes = PhiloxBlock::lanes;
  for (std::int64_t chunk = begin; chunk < end; chunk += mask_chunk) {
    PhiloxBlock block;
    const auto first = static_cast<std::uint64_t>(chunk / mask_chunk) * lanes;
    for (std::size_t i = 0; i < lanes; ++i) {
      block.word[0][i] =
          static_cast<std::uint32_t>(first + i);  // `first` is a multiple of the lanes: no carry
      block.word[1][i] = static_cast<std::uint32_t>(first >> 32U);
      block.word[2][i] = stream.count0;
      block.word[3][i] = stream.count1;
    }
    block.scramble(stream.key0, stream.key1);
    std::uint8_t bits[4][lanes];
    for (std::size_t w = 0; w < 4; ++w)
      for (std::size_t i = 0; i < lanes; ++i) bits[w][i] = block.word[w][i] < threshold ? 0 : 1;
    std::copy_n(&bits[0][0], std::min(end - chunk, mask_chunk), mask + chunk);
  }
}

// `grad` where `dst` > 0, else 0; NaN where it is.
[[gnu::always_inline]] inline float passed_by_relu(float grad, float dst) {
  const float closed = dst <= 0.0F ? 0.0F : dst;
  return dst > 0.0F ? grad : closed;
}

}  // namespace keel::loops

#pragma GCC visibility pop
