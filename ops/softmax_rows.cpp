#include "keel/ops/softmax_rows.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "keel/ops/exponentials.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

// So many exponentials are taken in one sweep, since the rows of a classifier are shorter than a vector.
constexpr std::int64_t sweep = 1024;
constexpr std::int64_t elements_per_thread = 1 << 12;

// Calls `body(first, count)` for rows that fit into one sweep together, or for a single longer one.
template <class Body>
void for_each_group(std::int64_t rows, std::int64_t length, const Body& body) {
  const auto group = std::max<std::int64_t>(1, sweep / length);
  parallel_for(rows, std::max<std::int64_t>(group, elements_per_thread / length),
               [&](std::int64_t begin, std::int64_t end) {
                 for (auto first = begin; first < end; first += group)
                   body(first, std::min(group, end - first));
               });
}

// Takes each row's maximum from it. Without branches, which would be guessed wrong several times a row; NaN
// goes through.
void center(const float* src, std::int64_t rows, std::int64_t length, float* dst) {
  std::array<float, sweep> highest;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  loops::max_columns(src, highest.data(), rows, length);
  for (std::int64_t i = 0; i < rows; ++i) {
    const float most = highest.at(static_cast<std::size_t>(i));
    for (std::int64_t j = i * length; j < (i + 1) * length; ++j) dst[j] = src[j] - most;
  }
}

// A call is too much for a few elements.
double sum_of(const float* src, std::int64_t count) {
  constexpr std::int64_t few = 32;
  if (count > few) return loops::sum_of(src, count);
  double sum = 0.0;
  for (std::int64_t i = 0; i < count; ++i) sum += src[i];
  return sum;
}

// The sum of exp(centered) of each row, into `sums`.
void add_exponentials(const float* centered, std::int64_t rows, std::int64_t length, double* sums) {
  std::array<float, sweep> powers;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  if (rows > 1 || length <= sweep) {
    exponentials(centered, powers.data(), rows * length);
    for (std::int64_t i = 0; i < rows; ++i) sums[i] = sum_of(powers.data() + i * length, length);
    return;
  }
  sums[0] = 0.0;
  for (std::int64_t begin = 0; begin < length; begin += sweep) {
    const auto count = std::min(sweep, length - begin);
    exponentials(centered + begin, powers.data(), count);
    sums[0] += loops::sum_of(powers.data(), count);
  }
}

}  // namespace

void softmax_rows(const float* src, std::int64_t rows, std::int64_t length, bool logarithm, float* dst) {
  for_each_group(rows, length, [=](std::int64_t first, std::int64_t count) {
    float* y = dst + first * length;
    std::array<double, sweep> sums;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    center(src + first * length, count, length, y);
    add_exponentials(y, count, length, sums.data());
    if (!logarithm) exponentials(y, y, count * length);
    for (std::int64_t i = 0; i < count; ++i) {
      const double sum = sums.at(static_cast<std::size_t>(i));
      const auto term = static_cast<float>(logarithm ? std::log(sum) : sum);
      for (std::int64_t j = i * length; j < (i + 1) * length; ++j)
        y[j] = logarithm ? y[j] - term : y[j] / term;
    }
  });
}

void softmax_rows_backward(const float* grad_dst, const float* dst, std::int64_t rows, std::int64_t length,
                           bool logarithm, float* grad_src) {
  for_each_group(rows, length, [=](std::int64_t first, std::int64_t count) {
    const float* dy = grad_dst + first * length;
    const float* y = dst + first * length;
    float* dx = grad_src + first * length;
    if (logarithm) exponentials(y, dx, count * length);
    for (std::int64_t begin = 0; begin < count * length; begin += length) {
      // The sum may be beyond what a float holds, and the result within.
      const double sum = logarithm ? loops::sum_of(dy + begin, length)
                                   : loops::sum_of_products(dy + begin, y + begin, length);
      for (auto j = begin; j < begin + length; ++j)
        dx[j] = static_cast<float>(logarithm ? dy[j] - dx[j] * sum : y[j] * (dy[j] - sum));
    }
  });
}

}  // namespace keel
