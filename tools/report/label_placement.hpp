#pragma once

#include <span>

#include "keel/tools/report/plot_layout.hpp"

namespace keel::tools {

/// Finds a place for the label of each level, at its line where the fewest curves pass, and puts them into
/// `layout.levels`; an empty text for a level outside the plot.
void place_levels(PlotLayout& layout, std::span<const Level> levels);

}  // namespace keel::tools
