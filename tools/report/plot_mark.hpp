#pragma once

#include <string>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/report/plot_layout.hpp"

namespace keel::tools {

/// The figure's mark as an arrow with its label beside it; nothing where it has none, or one that does not
/// lie within the axes.
std::string mark_elements(const Figure& figure, const PlotLayout& layout);

/// Whether it is drawn.
bool shows_mark(const Figure& figure, const PlotLayout& layout);

}  // namespace keel::tools
