#include "keel/tools/runs/curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

using ByPlace = std::map<double, std::vector<double>>;

ByPlace values_by_place(std::span<const RunResult> runs, const RunFilter& filter, const std::string& y,
                        const std::string& x) {
  ByPlace result;
  for (const auto& run : runs) {
    if (!filter(run)) continue;
    const auto values = series(run, y);
    const auto places = series(run, x);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!x.empty() && i >= places.size()) break;
      if (std::isfinite(values[i]))
        result[x.empty() ? static_cast<double>(i + 1) : places[i]].push_back(values[i]);
    }
  }
  return result;
}

}  // namespace

Point geometric_point(double x, std::span<const double> values) {
  std::vector<double> logarithms;
  for (const double value : values)
    if (value > 0.0 && std::isfinite(value)) logarithms.push_back(std::log(value));
  auto point = point_at(x, logarithms);
  point.y = std::exp(point.y);
  if (point.low) point.low = std::exp(*point.low);
  if (point.high) point.high = std::exp(*point.high);
  return point;
}

Point geometric_point(double x, const BySeed& values) {
  std::vector<double> plain;
  for (const auto& [seed, value] : values) plain.push_back(value);
  return geometric_point(x, plain);
}

std::vector<Point> geometric_curve(std::span<const RunResult> runs, const RunFilter& filter,
                                   const std::string& y, const std::string& x) {
  std::vector<Point> points;
  for (const auto& [place, values] : values_by_place(runs, filter, y, x))
    if (std::ranges::any_of(values, [](double value) { return value > 0.0; }))
      points.push_back(geometric_point(place, values));
  return points;
}

std::vector<Point> mean_curve(std::span<const RunResult> runs, const RunFilter& filter, const std::string& y,
                              const std::string& x) {
  std::vector<Point> points;
  for (const auto& [place, values] : values_by_place(runs, filter, y, x))
    points.push_back(point_at(place, values));
  return points;
}

std::string interval_text(const Point& point, int decimals) {
  if (!std::isfinite(point.y) || !point.low) return fixed_text(point.y, decimals);
  return fmt::format("{} [{}, {}]", fixed_text(point.y, decimals), fixed_text(*point.low, decimals),
                     fixed_text(*point.high, decimals));
}

}  // namespace keel::tools
