#pragma once

#include <string>
#include <string_view>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/report/plot_layout.hpp"

namespace keel::tools {

/// What gnuplot (5.4 and later) is told to draw a figure into the file `output`, without title and legend.
std::string gnuplot_script(const Figure& figure, const PlotLayout& layout, std::string_view output);

}  // namespace keel::tools
