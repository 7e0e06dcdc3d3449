#pragma once

#include <cstdint>
#include <type_traits>

#pragma GCC visibility push(hidden)

namespace keel::loops {

// What loops share, to be inlined into each of their versions.

/// Calls `block(first, count)` for all columns, as many at a time as have their sums in registers; the count is
/// a constant but for the last few columns.
template <std::int64_t lanes, class Block>
[[gnu::always_inline]] inline void for_each_block(std::int64_t width, const Block& block) {
  std::int64_t first = 0;
  for (; first + lanes <= width; first += lanes) block(first, std::integral_constant<std::int64_t, lanes>{});
  if (first < width) block(first, width - first);
}

/// The sum of `term(i)`, into sixteen sums, each sixteenth term into the same one, so that the result does not
/// depend on the vectors' width.
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

/// `grad` where `dst` > 0, else 0; NaN where it is.
[[gnu::always_inline]] inline float passed_by_relu(float grad, float dst) {
  const float closed = dst <= 0.0F ? 0.0F : dst;
  return dst > 0.0F ? grad : closed;
}

}  // namespace keel::loops

#pragma GCC visibility pop
