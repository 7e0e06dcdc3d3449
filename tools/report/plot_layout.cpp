#include "keel/tools/report/plot_layout.hpp"

#include <algorithm>
#include <numbers>
#include <optional>
#include <span>

#include "keel/tools/report/svg.hpp"

namespace keel::tools {
namespace {

constexpr double caption_line_height = 15.0;
constexpr double plot_height = 195.0;
constexpr double plot_margin = 12.0;

// What can be drawn of a point.
std::optional<Point> drawable_point(const Figure& figure, const Point& point) {
  if (!drawable(figure.x, point.x) || !drawable(figure.y, point.y)) return std::nullopt;
  Point result{.x = point.x, .y = point.y, .count = point.count};
  const auto finite = [](const std::optional<double>& end) { return end && std::abs(*end) <= 1e30; };
  if (!finite(point.low) || !finite(point.high)) return result;
  const auto [low, high] = std::minmax(*point.low, *point.high);
  // An interval may reach down to zero, which a logarithmic axis does not have.
  result.low = figure.y.logarithmic && low <= 0.0 ? std::min(point.y, high) / 1e3 : low;
  result.high = high;
  return result;
}

// Series that share the places of an axis without numbers stand side by side.
double dodge(const Figure& figure, std::size_t series) {
  if (figure.x.categories.empty()) return 0.0;
  const auto between = [](const Point& point) { return point.x != std::round(point.x); };
  for (const auto& each : figure.series)
    if (std::ranges::any_of(each.points, between)) return 0.0;
  const auto count = static_cast<double>(figure.series.size());
  return (static_cast<double>(series) - (count - 1.0) / 2.0) * std::min(0.16, 0.7 / count);
}

// Whether a value lies between the ends that its axis has before the data are seen.
bool between_fixed_ends(const Axis& axis, double value) {
  if (axis.categories.empty()) return value >= axis.low.value_or(value) && value <= axis.high.value_or(value);
  return value > -0.5 && value < static_cast<double>(axis.categories.size()) - 0.5;
}

// The pieces of a series, in its own numbers.
Curve pieces_of(const Figure& figure, std::size_t series) {
  Curve pieces;
  bool interrupted = true;
  for (const auto& each : figure.series[series].points) {
    auto point = drawable_point(figure, each);
    if (point && !between_fixed_ends(figure.x, each.x)) point.reset();
    if (point) {
      if (interrupted) pieces.emplace_back();
      point->x += dodge(figure, series);
      pieces.back().push_back(*point);
    }
    interrupted = !point;
  }
  return pieces;
}

// The numbers that an axis has to show; of the points the ones that `of` gives.
template <class Of>
std::vector<double> numbers_of(std::span<const Curve> curves, Of of) {
  std::vector<double> numbers;
  for (const auto& curve : curves)
    for (const auto& piece : curve)
      for (const auto& point : piece)
        if (const std::optional<double> number = of(point)) numbers.push_back(*number);
  return numbers;
}

Scale y_scale(const Figure& figure, std::span<const Curve> curves) {
  auto values = numbers_of(curves, [](const Point& point) { return point.y; });
  for (const auto& level : figure.levels)
    if (drawable(figure.y, level.y)) values.push_back(level.y);
  if (values.empty()) return {};  // without ticks
  const auto [low, high] = std::ranges::minmax(values);
  for (const auto end : {&Point::low, &Point::high}) {
    for (const double number : numbers_of(curves, [&](const Point& point) { return point.*end; })) {
      // An interval that is cut off where it would press everything else flat is better than flat curves.
      values.push_back(figure.y.logarithmic ? std::clamp(number, low / 10.0, high * 10.0) : number);
    }
  }
  return scale_of(figure.y, values, {.length = plot_height, .upright = true});
}

double widest(std::span<const Tick> ticks) {
  double width = 0.0;
  for (const auto& tick : ticks) width = std::max(width, text_width(tick.label));
  return width;
}

// Slants the names of places without numbers where they have no room beside each other. Returns the height
// that labels on the x axis take.
double fit_categories(PlotLayout& layout) {
  const double slot = (layout.right - layout.left) / static_cast<double>(layout.x.ticks.size());
  layout.slanted = widest(layout.x.ticks) > slot - 6.0;
  if (!layout.slanted) return caption_line_height;
  const double reach = widest(layout.x.ticks) / std::numbers::sqrt2;
  layout.left = std::clamp(reach - slot / 2 + 4.0, layout.left, plot_width / 2);
  return reach + 6.0;
}

void to_pixels(Curve& curve, const PlotLayout& layout) {
  for (auto& piece : curve) {
    for (auto& point : piece) {
      point.x = layout.x_pixel(point.x);
      point.y = layout.y_pixel(point.y);
      for (auto* end : {&point.low, &point.high})
        if (*end) *end = layout.y_pixel(**end);
    }
  }
}

}  // namespace

PlotLayout lay_out(const Figure& figure) {
  PlotLayout layout;
  for (std::size_t i = 0; i < figure.series.size(); ++i) layout.curves.push_back(pieces_of(figure, i));
  layout.x_name = wrapped(figure.x.name, plot_width);
  layout.y_name = wrapped(figure.y.name, plot_width);
  layout.top = static_cast<double>(layout.y_name.size()) * caption_line_height + 9.0;
  layout.y = y_scale(figure, layout.curves);
  layout.left = std::min(plot_width / 2, widest(layout.y.ticks) + 11.0);
  double beside = 0.0;
  for (const auto& level : figure.levels) beside = std::max(beside, text_width(level.label));
  layout.right = plot_width - std::min(plot_width / 3, std::max(plot_margin, beside + 5.0));
  const auto x_values = numbers_of(layout.curves, [](const Point& point) { return point.x; });
  layout.x = scale_of(figure.x, x_values, {.length = layout.right - layout.left, .at_values = true});
  const double labels = figure.x.categories.empty() ? caption_line_height : fit_categories(layout);
  layout.bottom = layout.top + plot_height;
  layout.height =
      layout.bottom + labels + static_cast<double>(layout.x_name.size()) * caption_line_height + 8.0;
  for (auto& curve : layout.curves) to_pixels(curve, layout);
  return layout;
}

bool has_bands(const Figure& figure, const Curve& curve) {
  constexpr std::size_t most_bars = 12;
  std::size_t count = 0;
  for (const auto& piece : curve) count += piece.size();
  return figure.x.categories.empty() && count > most_bars;
}

}  // namespace keel::tools
