#pragma once

#include <string>
#include <string_view>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/report/arm_style.hpp"

namespace keel::tools {

/// The symbols that gnuplot's points refer to, as <defs>: with these once in a page, its pictures need none of
/// their own. Open symbols are filled with the page's colour.
std::string_view marker_definitions();

/// gnuplot's SVG as a part of a page: no prologue, titles, definitions or ids, which would not be unique.
/// `label` is what is read out instead of the picture.
std::string inline_svg(std::string_view drawn, std::string_view label);

/// A picture of `inline_svg` as a file of its own: white, with the figure's title and legend in it.
std::string standalone_svg(const Figure& figure, std::string_view drawn);

/// A sample of a series for a legend: the line, where there are lines, and the symbol.
std::string swatch(const Figure& figure, std::size_t series, const LineStyle& style);

/// What a screen reader says of a figure.
std::string spoken(const Figure& figure);

}  // namespace keel::tools
