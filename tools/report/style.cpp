#include "keel/tools/report/style.hpp"

#include <fmt/format.h>

#include <array>

namespace keel::tools {
namespace {

// A colour in light windows and in dark ones.
struct Colour {
  const char* name;
  const char* light;
  const char* dark;
};
using Scheme = const char* Colour::*;

constexpr Colour paper{"paper", "#fff", "#14171a"};
constexpr Colour ink{"ink", "#1d2126", "#e3e6e9"};
constexpr Colour muted{"muted", "#5b636d", "#a2aab3"};
constexpr Colour line{"line", "#d5d9de", "#363c43"};
constexpr std::array of_page{paper,
                             ink,
                             muted,
                             line,
                             Colour{"tint", "#f4f6f8", "#1d2125"},
                             Colour{"supported", "#00704f", "#41c79b"},
                             Colour{"contradicted", "#b34700", "#f29255"},
                             Colour{"ruled-out", "#7d3c98", "#c99be6"},
                             Colour{"open", "#59616b", "#a9b1ba"}};
// From Okabe and Ito, "Color Universal Design" (2008); the pale ones darkened to be seen on white, all of
// them lightened for the dark.
constexpr std::array of_curves{
    Colour{"vermilion", "#d55e00", "#ff8a3d"}, Colour{"blue", "#0072b2", "#4aa3e6"},
    Colour{"green", "#009e73", "#3cc79b"},     Colour{"purple", "#c2649a", "#e08fbc"},
    Colour{"sky", "#3a9bdc", "#8fd0fa"},       Colour{"ochre", "#a87900", "#d9ae45"},
    Colour{"grey", "#7f7f7f", "#a8a8a8"}};

std::string page_colours(Scheme scheme) {
  std::string rules;
  for (const auto& colour : of_page) rules += fmt::format("--{}:{};", colour.name, colour.*scheme);
  return fmt::format(":root{{{}}}\n", rules);
}

std::string picture_colours(Scheme scheme) {
  auto rules = fmt::format(
      ".chart text{{fill:{}}}.chart .page,.chart .ring{{fill:{}}}.chart .dot{{stroke:{}}}\n"
      ".chart .axis,.chart .level{{stroke:{}}}.chart .grid{{stroke:{}}}\n"
      ".chart .mark{{stroke:{}}}.chart .mark-rim,.chart .mark-label{{stroke:{}}}\n",
      ink.*scheme, paper.*scheme, paper.*scheme, muted.*scheme, line.*scheme, ink.*scheme, paper.*scheme);
  for (const auto& colour : of_curves) rules += fmt::format(".{}{{color:{}}}", colour.name, colour.*scheme);
  return rules + '\n';
}

std::string in_the_dark(const std::string& rules) {
  return "@media screen and (prefers-color-scheme:dark){\n" + rules + "}\n";
}

// Markers have a rim of the page's colour, which sets them off from what they lie on.
constexpr auto picture_lines = R"(
.chart{font-size:12px;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
.chart .title{font-weight:bold;font-size:13px}
.chart path{fill:none;stroke-linejoin:round}
.chart .grid{stroke-width:.8}
.chart .level{stroke-dasharray:5 4}
.chart .mark{stroke-width:1.6}
.chart .mark-rim{stroke-width:4.5}
.chart .mark-label{font-weight:bold;stroke-width:3.5;stroke-linejoin:round;paint-order:stroke}
.chart .line{stroke:currentColor;stroke-width:2}
.chart .bar{stroke:currentColor;stroke-width:1.4}
.chart .band{fill:currentColor;opacity:.2}
.chart .dot{fill:currentColor;stroke-width:1.2;paint-order:stroke}
.chart .ring{stroke:currentColor;stroke-width:1.5}
.chart .below{font-size:11px}
)";

}  // namespace

std::string picture_style() {
  return picture_lines + picture_colours(&Colour::light) + in_the_dark(picture_colours(&Colour::dark));
}

std::string style_sheet() {
  return picture_style() + page_colours(&Colour::light) + in_the_dark(page_colours(&Colour::dark)) +
         page_rules();
}

}  // namespace keel::tools
