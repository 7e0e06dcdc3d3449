#include "keel/tools/report/plot_layout.hpp"

#include <algorithm>
#include <limits>
#include <numbers>
#include <optional>

#include "keel/tools/report/label_placement.hpp"

namespace keel::tools {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double line_height = 16.0;
constexpr double tick_line_height = 19.5;  // gnuplot's own, one and a half times the font
constexpr double letter_width = 7.1;

std::size_t letters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

// What can be drawn of a point; NaN for a place at which the line is interrupted.
Point drawable_point(const Figure& figure, const Point& point) {
  if (!drawable(figure.x, point.x) || !drawable(figure.y, point.y)) return {none, none};
  Point result{point.x, point.y};
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
  const auto between = [](const Point& point) { return point.x != std::round(point.x); };
  for (const auto& each : figure.series)
    if (std::ranges::any_of(each.points, between)) return 0.0;
  const auto count = static_cast<double>(figure.series.size());
  return (static_cast<double>(series) - (count - 1.0) / 2.0) * std::min(0.16, 0.7 / count);
}

std::vector<std::vector<Point>> points_of(const Figure& figure) {
  std::vector<std::vector<Point>> all;
  for (std::size_t i = 0; i < figure.series.size(); ++i) {
    const double shift = figure.x.categories.empty() ? 0.0 : dodge(figure, i);
    auto& points = all.emplace_back();
    for (const auto& point : figure.series[i].points) {
      points.push_back(drawable_point(figure, point));
      points.back().x += shift;
    }
  }
  return all;
}

Scale y_scale(const Figure& figure, const std::vector<std::vector<Point>>& all, double room) {
  std::vector<double> values;
  std::vector<double> ends;
  for (const auto& points : all) {
    for (const auto& point : points) {
      if (std::isnan(point.y)) continue;
      values.push_back(point.y);
      if (point.low) ends.insert(ends.end(), {*point.low, *point.high});
    }
  }
  for (const auto& level : figure.levels)
    if (drawable(figure.y, level.y)) values.push_back(level.y);
  if (values.empty()) return {};  // without ticks
  const auto [low, high] = std::ranges::minmax(values);
  for (double end : ends) {
    // An interval that is cut off where it would press everything else flat is better than flat curves.
    if (figure.y.logarithmic) end = std::clamp(end, low / 10.0, high * 10.0);
    values.push_back(end);
  }
  return scale_of(figure.y, values, room, false);
}

Scale x_scale(const Figure& figure, const std::vector<std::vector<Point>>& all, double pixels) {
  std::vector<double> values;
  for (const auto& points : all)
    for (const auto& point : points)
      if (!std::isnan(point.x)) values.push_back(point.x);
  return scale_of(figure.x, values, pixels / letter_width, true);
}

// Writes names of places without numbers over several lines, or slants them where they don't fit. Returns the
// height that they take.
double fit_categories(PlotLayout& layout) {
  const double slot = (layout.right - layout.left) / static_cast<double>(layout.x.ticks.size());
  const auto most = static_cast<std::size_t>(std::max(1.0, slot / letter_width - 0.5));
  std::size_t lines = 1;
  std::size_t longest = 0;
  for (const auto& tick : layout.x.ticks) {
    const auto rows = wrapped(tick.label, most);
    for (const auto& row : rows) layout.slanted |= letters(row) > most;
    lines = std::max(lines, rows.size());
    longest = std::max(longest, letters(tick.label));
  }
  layout.slanted |= lines > 5;
  if (layout.slanted) {
    const double reach = static_cast<double>(longest) * letter_width / std::numbers::sqrt2;
    layout.left = std::min(layout.width / 2, std::max(layout.left, reach - slot / 2 + 4.0));
    return reach + 8.0;
  }
  for (auto& tick : layout.x.ticks) {
    std::string text;
    for (const auto& row : wrapped(tick.label, most)) text += (text.empty() ? "" : "\n") + row;
    tick.label = text;
  }
  return line_height + static_cast<double>(lines - 1) * tick_line_height;
}

}  // namespace

double text_width(std::string_view text, double font_size) {
  return static_cast<double>(letters(text)) * font_size * letter_width / 13.0;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t most) {
  std::vector<std::string> lines;
  std::string word;
  const auto finish_word = [&] {
    if (word.empty()) return;
    if (!lines.empty() && letters(lines.back()) + 1 + letters(word) <= most) {
      lines.back() += ' ' + word;
    } else {
      lines.push_back(word);
    }
    word.clear();
  };
  for (const char letter : text) {
    if (letter == ' ' || letter == '\n') {
      finish_word();
    } else {
      word += letter;
    }
  }
  finish_word();
  return lines;
}

PlotLayout lay_out(const Figure& figure) {
  PlotLayout layout;
  layout.points = points_of(figure);
  double y = 14.0;
  for (const auto& line : wrapped(figure.y.name, static_cast<std::size_t>(layout.width / letter_width))) {
    layout.y_name.push_back({2.0, y, line});
    y += line_height;
  }
  layout.top = y + 2.0;
  layout.y = y_scale(figure, layout.points, 60.0);
  double widest = 0.0;
  for (const auto& tick : layout.y.ticks) widest = std::max(widest, text_width(tick.label));
  layout.left = std::min(layout.width / 2, widest + 16.0);
  layout.right = layout.width - 14.0;
  layout.x = x_scale(figure, layout.points, layout.right - layout.left);
  const double labels = figure.x.categories.empty() ? line_height : fit_categories(layout);
  const double below = labels + 10.0 + (figure.x.name.empty() ? 0.0 : line_height + 4.0);
  layout.height = std::max(300.0, layout.top + below + 200.0);
  layout.bottom = layout.height - below;
  place_levels(layout, figure.levels);
  return layout;
}

}  // namespace keel::tools
