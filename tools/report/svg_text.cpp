#include "keel/tools/report/svg_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "keel/runtime/error.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/plot_layout.hpp"

namespace keel::tools {
namespace {

constexpr double canvas_width = 400.0;

void erase_all(std::string& text, std::string_view part) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at))
    text.erase(at, part.size());
}

// Removes what stands between `begin` and `end`, with them, wherever they are found.
void erase_between(std::string& text, std::string_view begin, std::string_view end) {
  for (auto from = text.find(begin); from != std::string::npos; from = text.find(begin, from)) {
    const auto to = text.find(end, from + begin.size());
    if (to == std::string::npos) return;
    text.erase(from, to + end.size() - from);
  }
}

// Groups in which gnuplot then drew nothing.
void erase_empty_groups(std::string& text) {
  constexpr std::string_view end = "</g>";
  for (auto at = text.find(end); at != std::string::npos; at = text.find(end, at + end.size())) {
    const auto before = at == 0 ? std::string::npos : text.find_last_not_of(" \t\n", at - 1);
    const auto begin = text.rfind("<g", at);
    if (before == std::string::npos || begin == std::string::npos || text[before] != '>') continue;
    if (text.find('>', begin) != before) continue;
    text.erase(begin, at + end.size() - begin);
    at = begin == 0 ? 0 : begin - 1;
  }
}

std::string legend_entry(const Figure& figure, std::size_t i, const LineStyle& style, double x, double y) {
  return fmt::format("<g transform=\"translate({:.1f},{:.1f})\">{}<text x=\"36\" y=\"11\">{}</text></g>\n", x,
                     y, swatch(figure, i, style), escaped(figure.series[i].label));
}

}  // namespace

std::string_view marker_definitions() {
  return R"(<defs>
<rect id="gpPt3" x="-1" y="-1" width="2" height="2" stroke="currentColor" stroke-width=".5" class="open"/>
<rect id="gpPt4" x="-1" y="-1" width="2" height="2" fill="currentColor" stroke="currentColor" stroke-width=".2"/>
<circle id="gpPt5" r="1.05" stroke="currentColor" stroke-width=".5" class="open"/>
<circle id="gpPt6" r="1.15" fill="currentColor" stroke="none"/>
<path id="gpPt7" d="M0,-1.4L-1.3,.9H1.3z" stroke="currentColor" stroke-width=".5" class="open"/>
<path id="gpPt8" d="M0,-1.5L-1.4,1H1.4z" fill="currentColor" stroke="none"/>
<path id="gpPt9" d="M0,1.4L-1.3,-.9H1.3z" stroke="currentColor" stroke-width=".5" class="open"/>
<path id="gpPt10" d="M0,1.5L-1.4,-1H1.4z" fill="currentColor" stroke="none"/>
<path id="gpPt11" d="M0,-1.4L1.4,0L0,1.4L-1.4,0z" stroke="currentColor" stroke-width=".5" class="open"/>
<path id="gpPt12" d="M0,-1.55L1.55,0L0,1.55L-1.55,0z" fill="currentColor" stroke="none"/>
<path id="gpPt13" d="M0,-1.25L1.2,-.37L.74,1.04H-.74L-1.2,-.37z" stroke="currentColor" stroke-width=".5" class="open"/>
<path id="gpPt14" d="M0,-1.35L1.3,-.4L.8,1.12H-.8L-1.3,-.4z" fill="currentColor" stroke="none"/>
</defs>)";
}

std::string inline_svg(std::string_view drawn, std::string_view label) {
  std::string text{drawn};
  const auto root = text.find("<svg");
  const auto box = text.find("viewBox=\"", root);
  const auto body = text.find('>', root);
  const auto end = text.rfind("</svg>");
  if (root == std::string::npos || box == std::string::npos || end == std::string::npos || box > body ||
      body > end) {
    throw Error{"gnuplot drew something that is not an SVG"};
  }
  const auto size = text.substr(box, text.find('"', box + 9) + 1 - box);
  text = text.substr(body + 1, end - body - 1);
  erase_between(text, "<title>", "</title>");
  erase_between(text, "<desc>", "</desc>");
  erase_between(text, "<defs>", "</defs>");
  erase_between(text, " id=\"", "\"");
  erase_all(text, R"( stroke-linecap="butt" stroke-linejoin="miter")");
  erase_all(text, "xlink:");
  erase_empty_groups(text);
  for (const std::string_view blank : {"\t", "\n\n", " \n"}) {
    for (auto at = text.find(blank); at != std::string::npos; at = text.find(blank, at))
      text.erase(at, blank == "\t" ? 1 : blank.size() - 1);
  }
  return fmt::format(R"(<svg class="plot" {} role="img" aria-label="{}">{}</svg>)", size, escaped(label),
                     text);
}

std::string standalone_svg(const Figure& figure, std::string_view drawn) {
  const auto styles = line_styles(figure);
  std::string legend;
  double y = 8.0;
  for (const auto& line : wrapped(figure.title, 50)) {
    y += 16.0;
    legend += fmt::format("<text x=\"10\" y=\"{:.0f}\" font-weight=\"bold\">{}</text>\n", y, escaped(line));
  }
  y += 10.0;
  double x = 10.0;
  for (std::size_t i = 0; i < figure.series.size(); ++i) {
    const double width = 36.0 + text_width(figure.series[i].label) + 16.0;
    if (x > 10.0 && x + width > canvas_width + 20.0) x = 10.0, y += 19.0;
    legend += legend_entry(figure, i, styles[i], x, y);
    x += width;
  }
  y += 26.0;
  const auto box = drawn.find("viewBox=\"0 0 ");
  const auto close = drawn.find('"', box + 9);
  if (box == std::string_view::npos || close == std::string_view::npos) throw Error{"a picture has no size"};
  const std::string size{drawn.substr(box + 13, close - box - 13)};
  const double height = std::stod(size.substr(size.find(' ')));
  const double total = y + height + 8.0;
  std::string inner{drawn};
  inner.replace(0, 4,
                fmt::format(R"(<svg x="10" y="{:.0f}" width="{}" height="{}")", y, canvas_width, height));
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 420 {0:.0f}\" width=\"630\" "
      "height=\"{1:.0f}\" font-family=\"sans-serif\" font-size=\"13\">\n"
      "<style>.open{{fill:#fff}}.plot text{{paint-order:stroke;stroke:#fff;stroke-width:3px}}</style>\n"
      "{2}\n<rect width=\"420\" height=\"{0:.0f}\" fill=\"#fff\"/>\n{3}{4}\n</svg>\n",
      total, 1.5 * total, marker_definitions(), legend, inner);
}

std::string swatch(const Figure& figure, std::size_t series, const LineStyle& style) {
  const bool has_numbers = figure.x.categories.empty();
  std::string line;
  if (has_numbers) {
    const auto dash =
        style.dash.empty() ? "" : fmt::format(" stroke-dasharray=\"{}\"", fmt::join(style.dash, ","));
    line = fmt::format(R"(<path d="M1,7H31" fill="none" stroke="{}" stroke-width="{}"{}/>)", style.colour,
                       style.width, dash);
  }
  if (figure.series[series].marked || !has_numbers) {
    line += fmt::format("<use href=\"#gpPt{}\" transform=\"translate(16,7) scale(3.6)\" color=\"{}\"/>",
                        style.marker - 1, style.colour);
  }
  return fmt::format(
      "<svg class=\"swatch\" width=\"32\" height=\"14\" viewBox=\"0 0 32 14\" fill=\"none\" "
      "aria-hidden=\"true\">{}</svg>",
      line);
}

std::string spoken(const Figure& figure) {
  std::vector<std::string> labels;
  for (const auto& series : figure.series) labels.push_back(series.label);
  return fmt::format("{}: {} against {}, for {}", figure.title, figure.y.name, figure.x.name,
                     fmt::join(labels, "; "));
}

}  // namespace keel::tools
