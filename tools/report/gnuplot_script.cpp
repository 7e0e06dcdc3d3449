#include "keel/tools/report/gnuplot_script.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/report/arm_style.hpp"

namespace keel::tools {
namespace {

constexpr const char* axis_colour = "#808080";
constexpr const char* grid_colour = "#B0808080";  // with its transparency in front

// In gnuplot nothing but the quote itself is special between single quotes; what can't be seen is left out.
std::string string_literal(std::string_view text) {
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\n') {
      result += R"('."\n".')";
    } else if (letter == '\'') {
      result += "''";
    } else if (static_cast<unsigned char>(letter) >= 0x20U && letter != 0x7F) {
      result += letter;
    }
  }
  return result + "'";
}

std::string ticks(const Scale& scale) {
  std::vector<std::string> parts;
  for (const auto& tick : scale.ticks)
    parts.push_back(
        fmt::format("{} {:.17g} {}", string_literal(tick.label), tick.at, tick.label.empty() ? 1 : 0));
  return fmt::format("({})", fmt::join(parts, ", "));
}

std::string label(const PlotLayout& layout, const PlacedText& text, std::string_view alignment) {
  return fmt::format("set label {} at screen {:.5f},{:.5f} {} front\n", string_literal(text.text),
                     text.x / layout.width, 1.0 - (text.y - 4.3) / layout.height, alignment);
}

std::string axes(const Figure& figure, const PlotLayout& layout) {
  std::string script;
  const auto add = [&]<class... Args>(fmt::format_string<Args...> text, Args&&... args) {
    script += fmt::format(text, std::forward<Args>(args)...) + '\n';
  };
  add("set lmargin at screen {:.5f}", layout.left / layout.width);
  add("set rmargin at screen {:.5f}", layout.right / layout.width);
  add("set tmargin at screen {:.5f}", 1.0 - layout.top / layout.height);
  add("set bmargin at screen {:.5f}", 1.0 - layout.bottom / layout.height);
  if (layout.x.logarithmic) add("set logscale x");
  if (layout.y.logarithmic) add("set logscale y");
  add("set xrange [{:.17g}:{:.17g}]", layout.x.low, layout.x.high);
  add("set yrange [{:.17g}:{:.17g}]", layout.y.low, layout.y.high);
  add("set xtics {} offset {} {}", layout.slanted ? "rotate by 45 right" : "norotate",
      layout.slanted ? "0.4,0.4" : "0,0.45", ticks(layout.x));
  if (layout.y.ticks.empty()) {
    add("unset ytics");
  } else {
    add("set ytics offset 0.5,0 {}", ticks(layout.y));
  }
  add("set grid {}ytics lc rgb '{}' lw 1 dt solid", figure.x.categories.empty() ? "xtics " : "", grid_colour);
  for (const auto& line : layout.y_name) script += label(layout, line, "left");
  script += label(layout, {(layout.left + layout.right) / 2, layout.height - 7.0, figure.x.name}, "center");
  for (std::size_t i = 0; i < layout.levels.size(); ++i) {
    if (layout.levels[i].text.empty()) continue;
    add("set arrow from graph 0,first {0:.17g} to graph 1,first {0:.17g} nohead back lw 1.2 dt (5,4) lc rgb "
        "'{1}'",
        figure.levels[i].y, axis_colour);
    script += label(layout, layout.levels[i], "left");
  }
  return script;
}

// One series as a block of data: x, y, low, high. An empty line interrupts the curve.
std::string data_block(std::size_t series, std::span<const Point> points) {
  std::string block = fmt::format("$d{} << EOD\n", series);
  for (const auto& point : points) {
    if (std::isnan(point.y)) {
      block += '\n';
    } else {
      block += fmt::format("{:.10g} {:.10g} {:.10g} {:.10g}\n", point.x, point.y, point.low.value_or(point.y),
                           point.high.value_or(point.y));
    }
  }
  return block + "EOD\n";
}

std::size_t drawn_points(std::span<const Point> points) {
  return static_cast<std::size_t>(
      std::ranges::count_if(points, [](const Point& p) { return !std::isnan(p.y); }));
}

struct Layers {
  std::vector<std::string> bands, lines, bars, markers;
};

void add_series(Layers& layers, const Figure& figure, const PlotLayout& layout, std::size_t i,
                const LineStyle& style) {
  const auto& series = figure.series[i];
  const auto points = std::span<const Point>{layout.points[i]};
  const auto count = drawn_points(points);
  if (count == 0) return;
  const bool has_numbers = figure.x.categories.empty();
  if (std::ranges::any_of(points, [](const Point& p) { return p.low.has_value(); })) {
    if (has_numbers && count > 12) {
      layers.bands.push_back(
          fmt::format("$d{} using 1:3:4 with filledcurves fs transparent solid 0.18 noborder lc rgb '{}'", i,
                      style.colour));
    } else {
      layers.bars.push_back(
          fmt::format("$d{} using 1:($4>$3?$3:NaN):(0):($4-$3) with vectors heads size screen 0.008,90 lw "
                      "1.4 lc rgb '{}'",
                      i, style.colour));
    }
  }
  if (has_numbers) {
    const auto dash = style.dash.empty() ? "solid" : fmt::format("({})", fmt::join(style.dash, ","));
    layers.lines.push_back(
        fmt::format("$d{} using 1:2 with lines lw {} dt {} lc rgb '{}'", i, style.width, dash, style.colour));
  }
  if (series.marked || !has_numbers || count == 1) {
    layers.markers.push_back(fmt::format("$d{} every {} using 1:2 with points pt {} ps 0.62 lc rgb '{}'", i,
                                         has_numbers ? (count + 24) / 25 : 1, style.marker, style.colour));
  }
}

}  // namespace

std::string gnuplot_script(const Figure& figure, const PlotLayout& layout, std::string_view output) {
  std::string script = fmt::format(
      "reset\nset terminal svg size {:.0f},{:.0f} dynamic noenhanced font 'sans-serif,13' linewidth 1\n"
      "set output {}\nset key off\nset border 3 lc rgb '{}'\nset tics nomirror out scale 0.45,0.25 textcolor "
      "rgb 'black'\nset clip two\n",
      layout.width, layout.height, string_literal(output), axis_colour);
  script += axes(figure, layout);
  const auto styles = line_styles(figure);
  Layers layers;
  for (std::size_t i = 0; i < figure.series.size(); ++i) {
    script += data_block(i, layout.points[i]);
    add_series(layers, figure, layout, i, styles[i]);
  }
  std::vector<std::string> plots;
  for (const auto* layer : {&layers.bands, &layers.lines, &layers.bars, &layers.markers})
    plots.insert(plots.end(), layer->begin(), layer->end());
  if (plots.empty()) {
    script += "set label 'no finite values' at graph 0.5,0.5 center front\n";
    plots.emplace_back("NaN");
  }
  return script + fmt::format("plot {}\nset output\n", fmt::join(plots, ", \\\n  "));
}

}  // namespace keel::tools
