#include "keel/tools/findings/statistics.hpp"

#include <fmt/format.h>

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::tools {
namespace {

constexpr std::size_t most_pairs_enumerated = 20;
constexpr std::uint64_t patterns_drawn = std::uint64_t{1} << 20;

/// How many ways to give `values` signs move `sum` to `threshold` or beyond, in either direction.
std::uint64_t count_extreme(std::span<const double> values, double sum, double threshold) {
  if (values.empty()) return std::abs(sum) >= threshold ? 1 : 0;
  const auto rest = values.subspan(1);
  return count_extreme(rest, sum + values[0], threshold) + count_extreme(rest, sum - values[0], threshold);
}

/// The same for `patterns_drawn` random ways.
std::uint64_t count_extreme_drawn(std::span<const double> values, double threshold) {
  Rng rng = Rng{0}.stream("sign flips");
  std::uint64_t count = 0;
  for (std::uint64_t pattern = 0; pattern < patterns_drawn; ++pattern) {
    double sum = 0;
    std::uint64_t signs = 0;
    for (std::size_t i = 0; i < values.size(); ++i, signs >>= 1) {
      if (i % 64 == 0) signs = rng.bits();
      sum += values[i] * (2.0 * static_cast<double>(signs & 1) - 1.0);  // a branch would be mispredicted
    }
    if (std::abs(sum) >= threshold) ++count;
  }
  return count;
}

double sign_flip_p(std::span<const double> differences, double rounding) {
  const double threshold = std::abs(std::accumulate(differences.begin(), differences.end(), 0.0)) - rounding;
  if (differences.size() <= most_pairs_enumerated) {
    const auto count = count_extreme(differences, 0, threshold);
    return std::ldexp(static_cast<double>(count), -static_cast<int>(differences.size()));
  }
  return static_cast<double>(count_extreme_drawn(differences, threshold) + 1) /
         static_cast<double>(patterns_drawn + 1);
}

/// How far rounding may have moved two sums of signed differences b - a apart: half an epsilon for each input,
/// each difference and each of the n additions, in both sums; and at least a billionth of the differences, since
/// these may be rounded themselves, as those of accuracies in percent are.
double rounding_bound(std::span<const double> a, std::span<const double> b) {
  double inputs = 0;
  double differences = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    inputs += std::abs(a[i]) + std::abs(b[i]);
    differences += std::abs(b[i] - a[i]);
  }
  return std::max(static_cast<double>(a.size() + 2) * std::numeric_limits<double>::epsilon() * inputs,
                  1e-9 * differences);
}

}  // namespace

Summary summarize(std::span<const double> values) {
  if (values.empty()) throw Error("a summary needs one value or more, and there is none");
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  if (values.size() < 2 || !std::isfinite(squares)) return {.mean = mean, .sd = {}};
  return {.mean = mean, .sd = std::sqrt(squares / (n - 1))};
}

Interval mean_interval(std::span<const double> values) {
  const auto [mean, sd] = summarize(values);
  if (!sd) return {.mean = mean, .low = {}, .high = {}};
  const auto n = static_cast<double>(values.size());
  const boost::math::students_t student{n - 1};
  const double margin = quantile(complement(student, 0.025)) * *sd / std::sqrt(n);
  return {.mean = mean, .low = mean - margin, .high = mean + margin};
}

PairedDifference paired_difference(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) throw Error(fmt::format("{} and {} values don't make pairs", a.size(), b.size()));
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = b[i] - a[i];

  const auto [mean, low, high] = mean_interval(differences);
  PairedDifference result{.mean = mean, .low = low, .high = high, .p = {}};
  if (low) result.p = sign_flip_p(differences, rounding_bound(a, b));
  return result;
}

}  // namespace keel::tools
