#pragma once

#include <string>
#include <string_view>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/report/arm_style.hpp"

namespace keel::tools {

/// A figure as a part of a page that has `picture_style`, without its title and legend.
std::string inline_picture(const Figure& figure);

/// A figure as a file of its own, with its title and legend and, below, a caption, for light and dark
/// windows.
std::string picture_file(const Figure& figure, std::string_view caption = {});

/// A sample of a series for a legend: the line, where there are lines, and the symbol.
std::string swatch(const Figure& figure, std::size_t series, const LineStyle& style);

}  // namespace keel::tools
