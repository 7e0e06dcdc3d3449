#include "bounds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace keel::differential {

double product_sum_error(std::int64_t terms) {
  const double n = std::min(4096.0, static_cast<double>(terms));
  return (2.0 + 4.0 * std::sqrt(static_cast<double>(terms)) + n * 3.0 / 8.0) * unit;
}

Expected relative(std::vector<double> values, double error) {
  Expected expected{std::move(values), {}};
  for (const double value : expected.values) expected.bounds.push_back(error * std::abs(value) + least);
  return expected;
}

Expected exact(std::vector<double> values) {
  std::vector<double> bounds(values.size(), 0.0);
  return {std::move(values), std::move(bounds)};
}

Expected scaled(std::vector<double> values, double error, const std::vector<double>& magnitudes,
                std::int64_t terms) {
  Expected expected{std::move(values), {}};
  for (const double magnitude : magnitudes) {
    const bool overflows = magnitude > largest;
    expected.bounds.push_back(overflows ? std::numeric_limits<double>::infinity()
                                        : error * magnitude + static_cast<double>(terms + 1) * least);
  }
  return expected;
}

bool is_within(double actual, double expected, double bound) {
  if (std::isnan(expected)) return std::isnan(actual);
  const bool overflows = !(bound < std::numeric_limits<double>::infinity());
  if (std::isinf(expected)) return actual == expected || (overflows && std::isnan(actual));
  if (overflows) return true;
  const double reach = std::abs(expected) + bound;
  if (reach > largest && std::isinf(actual)) return (actual > 0) == (expected > 0);
  return std::abs(actual - expected) <= bound;
}

}  // namespace keel::differential
