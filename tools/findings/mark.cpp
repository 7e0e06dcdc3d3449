#include "keel/tools/findings/mark.hpp"

#include <algorithm>
#include <cmath>

namespace keel::tools {
namespace {

const Series* series_of(const Figure& figure, const std::string& arm) {
  const auto found = std::ranges::find(figure.series, arm, &Series::arm);
  return found == figure.series.end() ? nullptr : &*found;
}

std::optional<double> height_at(const Series& series, double x) {
  const auto at = std::ranges::find(series.points, x, &Point::x);
  if (at == series.points.end() || !std::isfinite(at->y)) return std::nullopt;
  return at->y;
}

// Between two numbers of an axis, a share of the way as it is seen.
double between(const Axis& axis, double a, double b, double share) {
  const bool logarithmic = axis.logarithmic && a > 0.0 && b > 0.0;
  return logarithmic ? a * std::pow(b / a, share) : a + (b - a) * share;
}

double share_of(const Axis& axis, double a, double b, double value) {
  const bool logarithmic = axis.logarithmic && a > 0.0 && b > 0.0 && value > 0.0;
  return logarithmic ? std::log(value / a) / std::log(b / a) : (value - a) / (b - a);
}

std::optional<double> first_reach(const Figure& figure, const Series& series, double y) {
  const Point* before = nullptr;
  for (const auto& point : series.points) {
    if (point.y == y) return point.x;
    const bool crosses = before != nullptr && (before->y - y) * (point.y - y) < 0.0;
    if (crosses) return between(figure.x, before->x, point.x, share_of(figure.y, before->y, point.y, y));
    before = std::isfinite(point.y) ? &point : nullptr;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Mark> gap_at(const Figure& figure, const std::string& from, const std::string& to, double x,
                           std::string label) {
  const auto* first = series_of(figure, from);
  const auto* second = series_of(figure, to);
  if (first == nullptr || second == nullptr) return std::nullopt;
  const auto from_y = height_at(*first, x);
  const auto to_y = height_at(*second, x);
  if (!from_y || !to_y) return std::nullopt;
  return Mark{.from_x = x, .from_y = *from_y, .to_x = x, .to_y = *to_y, .label = std::move(label)};
}

std::optional<Mark> gap_along(const Figure& figure, const std::string& from, const std::string& to, double y,
                              std::string label) {
  const auto* first = series_of(figure, from);
  const auto* second = series_of(figure, to);
  if (first == nullptr || second == nullptr) return std::nullopt;
  const auto from_x = first_reach(figure, *first, y);
  const auto to_x = first_reach(figure, *second, y);
  if (!from_x || !to_x) return std::nullopt;
  return Mark{.from_x = *from_x, .from_y = y, .to_x = *to_x, .to_y = y, .label = std::move(label)};
}

}  // namespace keel::tools
