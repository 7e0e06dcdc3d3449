#include "keel/tools/report/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>

#include "keel/tools/report/arm_style.hpp"
#include "keel/tools/report/plot_mark.hpp"
#include "keel/tools/report/svg.hpp"

namespace keel::tools {
namespace {

constexpr double line_height = 15.0;
constexpr double to_middle = 4.3;  // from a text's foot to the middle of its figures

// Labels at the ends of the axis stay on the canvas.
std::string x_label(const PlotLayout& layout, double x, std::string_view label) {
  if (layout.slanted) {
    const Spot end{x + to_middle, layout.bottom + 13.0};
    const auto turn = fmt::format("transform=\"rotate(-45 {} {})\"", pixels(end.x), pixels(end.y));
    return svg_text(end, "end", label, turn);
  }
  const double half = text_width(label) / 2.0;
  const double middle = std::min(std::max(x, half), plot_width - half);
  return svg_text({middle, layout.bottom + 18.0}, "middle", label);
}

std::string axes(const Figure& figure, const PlotLayout& layout) {
  std::string grid;
  std::string lines =
      path_step('M', {layout.left, layout.top}) + "V" + pixels(layout.bottom) + "H" + pixels(layout.right);
  std::string labels;
  for (const auto& tick : layout.x.ticks) {
    const Spot spot{layout.x_pixel(tick.at), layout.bottom};
    lines += path_step('M', spot) + (tick.label.empty() ? "v2" : "v4");
    if (tick.label.empty()) continue;
    if (figure.x.categories.empty()) grid += path_step('M', spot) + "V" + pixels(layout.top);
    labels += x_label(layout, spot.x, tick.label);
  }
  for (const auto& tick : layout.y.ticks) {
    const Spot spot{layout.left, layout.y_pixel(tick.at)};
    lines += path_step('M', spot) + (tick.label.empty() ? "h-2" : "h-4");
    if (tick.label.empty()) continue;
    grid += path_step('M', spot) + "H" + pixels(layout.right);
    labels += svg_text({spot.x - 7.0, spot.y + to_middle}, "end", tick.label);
  }
  return svg_path("grid", grid) + svg_path("axis", lines) + labels;
}

std::string names(const PlotLayout& layout) {
  std::string text;
  double y = line_height - 3.0;
  for (const auto& line : layout.y_name) text += svg_text({0.0, y}, "start", line), y += line_height;
  y = layout.height - static_cast<double>(layout.x_name.size() - 1) * line_height - 4.0;
  for (const auto& line : layout.x_name) {
    const double half = text_width(line) / 2.0;
    const double middle = std::min((layout.left + layout.right) / 2.0, plot_width - half);
    text += svg_text({std::max(middle, half), y}, "middle", line), y += line_height;
  }
  return text;
}

// Levels have their labels at the right of the plot, as far apart as they need.
std::string levels(const Figure& figure, const PlotLayout& layout) {
  auto sorted = figure.levels;
  std::ranges::stable_sort(sorted, std::greater{}, &Level::y);
  std::string lines;
  std::string labels;
  double least = layout.top + to_middle;
  for (const auto& level : sorted) {
    if (!drawable(figure.y, level.y) || level.y < layout.y.low || level.y > layout.y.high) continue;
    const double y = layout.y_pixel(level.y);
    lines += path_step('M', {layout.left, y}) + "H" + pixels(layout.right);
    const double foot = std::min(std::max(y + to_middle, least), layout.height - 3.0);
    labels += svg_text({layout.right + 5.0, foot}, "start", level.label);
    least = foot + line_height - 1.0;
  }
  return svg_path("level", lines) + labels;
}

// The line with a point more wherever it crosses a height.
std::vector<Spot> cut_at(std::span<const Spot> line, double height) {
  std::vector<Spot> cut;
  for (const auto& spot : line) {
    if (!cut.empty() && (cut.back().y - height) * (spot.y - height) < 0.0) {
      const auto& before = cut.back();
      const double part = (height - before.y) / (spot.y - before.y);
      cut.push_back({before.x + part * (spot.x - before.x), height});
    }
    cut.push_back(spot);
  }
  return cut;
}

class SeriesPainter {
 public:
  explicit SeriesPainter(const PlotLayout& layout) : layout_{layout} {}

  [[nodiscard]] std::string line(std::span<const Point> piece) const {
    std::vector<Spot> spots;
    for (const auto& point : piece) spots.push_back({point.x, point.y});
    spots = cut_at_ends(spots);
    std::string steps;
    bool drawing = false;
    for (std::size_t i = 0; i + 1 < spots.size(); ++i) {
      const bool inside = shows(spots[i].y) && shows(spots[i + 1].y);
      if (inside && !drawing) steps += path_step('M', spots[i]);
      if (inside) steps += path_step('L', spots[i + 1]);
      drawing = inside;
    }
    return steps;
  }

  [[nodiscard]] std::string band(std::span<const Point> piece) const {
    std::vector<Spot> low;
    std::vector<Spot> high;
    for (const auto& point : piece) {
      low.push_back({point.x, point.low.value_or(point.y)});
      high.push_back({point.x, point.high.value_or(point.y)});
    }
    auto around = cut_at_ends(high);
    const auto back = cut_at_ends(low);
    around.insert(around.end(), back.rbegin(), back.rend());
    std::string steps;
    for (const auto& spot : around) steps += path_step(steps.empty() ? 'M' : 'L', {spot.x, kept(spot.y)});
    return steps + "Z";
  }

  [[nodiscard]] std::string bar(const Point& point) const {
    if (!point.low || !(kept(*point.low) > kept(*point.high))) return "";
    auto steps = path_step('M', {point.x, kept(*point.low)}) + "V" + pixels(kept(*point.high));
    for (const double end : {*point.low, *point.high})
      if (shows(end)) steps += path_step('M', {point.x - 3.5, end}) + "h7";
    return steps;
  }

  [[nodiscard]] std::string marker(const Point& point, Marker marker) const {
    return shows(point.y) ? marker_steps(marker, {point.x, point.y}) : "";
  }

 private:
  [[nodiscard]] bool shows(double y) const { return y > layout_.top - 0.01 && y < layout_.bottom + 0.01; }
  [[nodiscard]] double kept(double y) const { return std::clamp(y, layout_.top, layout_.bottom); }
  [[nodiscard]] std::vector<Spot> cut_at_ends(std::span<const Spot> spots) const {
    return cut_at(cut_at(spots, layout_.top), layout_.bottom);
  }

  const PlotLayout& layout_;
};

// What is drawn later lies on top.
struct Layers {
  std::string bands, lines, bars, markers;
};

void add_series(Layers& layers, const Figure& figure, const PlotLayout& layout, std::size_t series,
                const LineStyle& style) {
  constexpr std::size_t most_markers = 25;
  const SeriesPainter painter{layout};
  const bool has_numbers = figure.x.categories.empty();
  std::size_t count = 0;
  for (const auto& piece : layout.curves[series]) count += piece.size();
  const bool banded = has_bands(figure, layout.curves[series]);
  const auto every = has_numbers ? std::max<std::size_t>(1, (count + most_markers - 1) / most_markers) : 1;
  std::string bands, line, bars, markers;
  std::size_t next = 0;
  for (const auto& piece : layout.curves[series]) {
    const bool lone = piece.size() == 1;
    const bool has_band = banded && !lone;
    const bool has_intervals = std::ranges::any_of(piece, [](const Point& p) { return p.low.has_value(); });
    if (has_numbers) line += painter.line(piece);
    if (has_band && has_intervals) bands += painter.band(piece);
    for (const auto& point : piece) {
      if (!has_band) bars += painter.bar(point);
      const bool marked = (figure.series[series].marked && next % every == 0) || !has_numbers || lone;
      if (marked) markers += painter.marker(point, style.marker);
      ++next;
    }
  }
  const auto with_colour = [&](const char* kind) { return fmt::format("{} {}", kind, style.colour); };
  layers.bands += svg_path(with_colour("band"), bands);
  layers.lines += svg_path(with_colour("line"), line, dash_attribute(style));
  layers.bars += svg_path(with_colour("bar"), bars);
  layers.markers += svg_path(marker_class(style), markers);
}

}  // namespace

std::string plot_elements(const Figure& figure, const PlotLayout& layout) {
  const auto styles = line_styles(figure);
  Layers layers;
  for (std::size_t i = 0; i < figure.series.size(); ++i) add_series(layers, figure, layout, i, styles[i]);
  const bool empty = std::ranges::all_of(layout.curves, [](const Curve& curve) { return curve.empty(); });
  const Spot middle{(layout.left + layout.right) / 2.0, (layout.top + layout.bottom) / 2.0};
  return axes(figure, layout) + layers.bands + levels(figure, layout) + layers.lines + layers.bars +
         layers.markers + mark_elements(figure, layout) + names(layout) +
         (empty ? svg_text(middle, "middle", "no finite values") : "");
}

}  // namespace keel::tools
