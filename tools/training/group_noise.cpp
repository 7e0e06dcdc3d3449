#include "keel/tools/training/group_noise.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace keel::tools {
namespace {

std::vector<double> normalized_by_own(std::span<const double> values, double epsilon) {
  double mean = 0.0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  double variance = 0.0;
  for (const double value : values)
    variance += (value - mean) * (value - mean) / static_cast<double>(values.size());
  std::vector<double> result;
  for (const double value : values) result.push_back((value - mean) / std::sqrt(variance + epsilon));
  return result;
}

// Rows of the group that begins at `begin`: a single one that would be left joins the last.
std::size_t rows_of_group(std::size_t begin, std::size_t size, std::size_t all) {
  const auto left = all - begin;
  return left == size + 1 || left < size ? left : size;
}

}  // namespace

double group_noise(std::span<const float> rows, std::size_t units, std::size_t size, double epsilon) {
  const auto count = rows.size() / units;
  double sum = 0.0;
  double terms = 0.0;
  for (std::size_t unit = 0; unit < units; ++unit) {
    std::vector<double> values;
    for (std::size_t row = 0; row < count; ++row) values.push_back(rows[row * units + unit]);
    const auto by_all = normalized_by_own(values, epsilon);
    bool varies = false;
    for (const double value : by_all) varies = varies || std::abs(value) > 0.5;
    if (!varies) continue;
    for (std::size_t begin = 0; begin < count; begin += size) {
      const auto length = rows_of_group(begin, size, count);
      const auto by_group = normalized_by_own(std::span{values}.subspan(begin, length), epsilon);
      for (std::size_t i = 0; i < length; ++i, terms += 1.0)
        sum += (by_group[i] - by_all[begin + i]) * (by_group[i] - by_all[begin + i]);
      if (length > size) break;
    }
  }
  return terms > 0.0 ? sum / terms : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace keel::tools
