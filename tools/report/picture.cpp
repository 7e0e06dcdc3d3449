#include "keel/tools/report/picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/plot.hpp"
#include "keel/tools/report/style.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

constexpr double swatch_width = 32.0;
constexpr double edge = 10.0;  // of a file's picture, left and right

std::string place_text(const Axis& axis, double x) {
  const auto place = static_cast<std::size_t>(std::max(std::round(x), 0.0));
  return place < axis.categories.size() ? axis.categories[place] : short_text(x);
}

// What a screen reader says of a figure besides its title: where the curves begin and end.
std::string description(const Figure& figure) {
  auto text = fmt::format("{} against {}.", figure.y.name, figure.x.name);
  for (const auto& series : figure.series) {
    const auto can_be_drawn = [&](const Point& point) {
      return drawable(figure.x, point.x) && drawable(figure.y, point.y);
    };
    const auto first = std::ranges::find_if(series.points, can_be_drawn);
    if (first == series.points.end()) {
      text += fmt::format(" {}: no finite values.", series.label);
      continue;
    }
    const auto last = std::find_if(series.points.rbegin(), series.points.rend(), can_be_drawn);
    text += fmt::format(" {}: {} at {}", series.label, short_text(first->y), place_text(figure.x, first->x));
    if (last->x != first->x)
      text += fmt::format(", {} at {}", short_text(last->y), place_text(figure.x, last->x));
    text += '.';
  }
  return text;
}

std::string title_and_description(const Figure& figure) {
  return fmt::format("<title>{}</title>\n<desc>{}</desc>\n", shown(figure.title), shown(description(figure)));
}

std::string sample(const Figure& figure, std::size_t series, const LineStyle& style) {
  const bool has_numbers = figure.x.categories.empty();
  const auto line = fmt::format("line {}", style.colour);
  std::string elements = svg_path(line, has_numbers ? "M1,7H31" : "", dash_attribute(style));
  if (figure.series[series].marked || !has_numbers)
    elements += svg_path(marker_class(style), marker_steps(style.marker, {swatch_width / 2.0, 7.0}));
  return elements;
}

// The legend's entries side by side, as far as there is room; `y` becomes the lower end.
std::string legend(const Figure& figure, double& y) {
  const auto styles = line_styles(figure);
  std::string elements;
  double x = edge;
  for (std::size_t i = 0; i < figure.series.size(); ++i) {
    const auto& label = figure.series[i].label;
    const double width = swatch_width + 6.0 + text_width(label);
    if (x > edge && x + width > plot_width + edge) x = edge, y += 19.0;
    elements +=
        fmt::format("<g transform=\"translate({},{})\">\n{}{}</g>\n", pixels(x), pixels(y),
                    sample(figure, i, styles[i]), svg_text({swatch_width + 6.0, 11.3}, "start", label));
    x += width + 12.0;
  }
  y += 26.0;
  return elements;
}

}  // namespace

std::string inline_picture(const Figure& figure) {
  const auto layout = lay_out(figure);
  return fmt::format(R"(<svg class="chart plot" viewBox="0 0 {} {}" role="img">{}{}</svg>)",
                     pixels(plot_width), pixels(layout.height), title_and_description(figure),
                     plot_elements(figure, layout));
}

std::string picture_file(const Figure& figure, std::string_view caption) {
  const auto layout = lay_out(figure);
  double y = 8.0;
  std::string heading;
  constexpr double bold = 1.25;  // as wide as plain letters, with their size
  for (const auto& line : wrapped(figure.title, plot_width / bold))
    y += 17.0, heading += svg_text({edge, y}, "start", line, "class=\"title\"");
  y += 9.0;
  heading += legend(figure, y);
  const double width = plot_width + 2.0 * edge;
  std::string below;
  double foot = y + layout.height + 4.0;
  for (const auto& line : wrapped(caption, plot_width))
    foot += 15.0, below += svg_text({edge, foot}, "start", line, "class=\"below\"");
  const double height = foot + (below.empty() ? 4.0 : 10.0);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {0} {1}\" width=\"{2}\" "
      "height=\"{3}\" role=\"img\">\n{4}<style>{5}</style>\n<path class=\"page\" d=\"M0,0H{0}V{1}H0Z\"/>\n"
      "{6}<g transform=\"translate({7},{8})\">\n{9}</g>\n{10}</svg>\n",
      pixels(width), pixels(height), pixels(1.5 * width), pixels(1.5 * height), title_and_description(figure),
      picture_style(), heading, pixels(edge), pixels(y), plot_elements(figure, layout), below);
}

std::string swatch(const Figure& figure, std::size_t series, const LineStyle& style) {
  return fmt::format(
      "<svg class=\"chart swatch\" width=\"32\" height=\"14\" viewBox=\"0 0 32 14\" "
      "aria-hidden=\"true\">{}</svg>",
      sample(figure, series, style));
}

}  // namespace keel::tools
