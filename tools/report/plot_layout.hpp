#pragma once

#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/report/axis_scale.hpp"

namespace keel::tools {

/// A text on the canvas, in pixels from the upper left corner: of the first line's foot.
struct PlacedText {
  double x = 0.0;
  double y = 0.0;
  std::string text;
};

/// Where everything in a figure goes, on a canvas as wide as a phone's column. Pixels count from the upper
/// left corner.
struct PlotLayout {
  double width = 400.0;
  double height = 300.0;
  double left = 0.0;  ///< of the plot inside its axes
  double right = 0.0;
  double top = 0.0;
  double bottom = 0.0;
  Scale x;
  Scale y;
  bool slanted = false;            ///< the labels on the x axis
  std::vector<PlacedText> y_name;  ///< above the axis, so that it can be read without turning the head
  std::vector<PlacedText> levels;  ///< labels of the figure's levels
  std::vector<std::vector<Point>> points;  ///< of each series; NaN where its line is interrupted
};

/// The width of a text in the plots' font; an estimate, on the wide side.
double text_width(std::string_view text, double font_size = 13.0);

/// Breaks a text at its blanks into lines of at most that many characters, where it has blanks.
std::vector<std::string> wrapped(std::string_view text, std::size_t most);

PlotLayout lay_out(const Figure& figure);

}  // namespace keel::tools
