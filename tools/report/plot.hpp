#pragma once

#include <string>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/report/plot_layout.hpp"

namespace keel::tools {

/// The elements of an SVG that draw a figure without its title and legend: axes, levels, bands or bars of the
/// intervals, curves and symbols. Nothing of a curve is drawn outside the axes.
std::string plot_elements(const Figure& figure, const PlotLayout& layout);

}  // namespace keel::tools
