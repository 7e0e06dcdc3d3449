#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"

namespace keel::tools {

/// Whether there is a gnuplot that can be started.
bool gnuplot_available();

/// Draws the figures, all with one run of gnuplot, each as an <svg> element for a page that has
/// `marker_definitions()`. Throws Error when gnuplot is not installed or fails.
std::vector<std::string> draw(std::span<const Figure> figures);

}  // namespace keel::tools
