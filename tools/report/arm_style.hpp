#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/report/svg.hpp"

namespace keel::tools {

enum class Marker : std::uint8_t { circle, square, triangle, triangle_down, diamond, pentagon };

/// How a series is drawn. Colours stand out from the page, light or dark, and are told apart by colour-blind
/// readers; nothing is told by colour alone.
struct LineStyle {
  std::string_view colour;  ///< a class of `picture_style`: "blue"
  Marker marker = Marker::circle;
  bool open = false;
  std::string_view dash;  ///< lengths of strokes and gaps in pixels; empty for a solid line
};

/// The style of each series of a figure. Colour and symbol follow from the arm, and those of keel's own arms
/// are the same in every figure; series of the same arm differ in symbol and dashes.
std::vector<LineStyle> line_styles(const Figure& figure);

/// Steps of a path that draw a symbol around a place.
std::string marker_steps(Marker marker, const Spot& middle);

/// The class of a path of markers: "dot blue", "ring blue".
std::string marker_class(const LineStyle& style);

/// The attribute that dashes a path; empty for a solid line.
std::string dash_attribute(const LineStyle& style);

}  // namespace keel::tools
