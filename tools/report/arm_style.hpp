#pragma once

#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"

namespace keel::tools {

/// How a series is drawn. Colours stand out from white and from near-black alike (contrast of 3 and more) and
/// are told apart by colour-blind readers; nothing is told by colour alone.
struct LineStyle {
  std::string colour;        ///< "#0072B2"
  int marker = 7;            ///< gnuplot's point type
  std::vector<double> dash;  ///< lengths of strokes and gaps in pixels; empty for a solid line
  double width = 2.0;        ///< in pixels
};

/// The style of each series of a figure. Colour and symbol follow from the arm, and are the same in every
/// figure; series of the same arm differ in symbol and dashes.
std::vector<LineStyle> line_styles(const Figure& figure);

}  // namespace keel::tools
