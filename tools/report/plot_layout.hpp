#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/report/axis_scale.hpp"

namespace keel::tools {

/// The width of a plot's canvas in pixels: that of a phone's column.
constexpr double plot_width = 340.0;

/// A series as drawn: pieces of a curve, interrupted where a value is missing. Points and the ends of their
/// intervals are pixels of the canvas, counted from its upper left corner, and may lie above or below the
/// plot.
using Curve = std::vector<std::vector<Point>>;

/// Where everything in a figure goes, in pixels of the canvas.
struct PlotLayout {
  double height = 0.0;
  double left = 0.0;  ///< of the plot inside its axes
  double right = 0.0;
  double top = 0.0;
  double bottom = 0.0;
  Scale x;
  Scale y;
  bool slanted = false;             ///< the labels on the x axis
  std::vector<std::string> x_name;  ///< lines of it
  std::vector<std::string> y_name;  ///< they stand above the axis, to be read without turning the head
  std::vector<Curve> curves;        ///< one a series

  [[nodiscard]] double x_pixel(double value) const { return left + x.place(value) * (right - left); }
  [[nodiscard]] double y_pixel(double value) const { return bottom - y.place(value) * (bottom - top); }
};

PlotLayout lay_out(const Figure& figure);

/// Whether the intervals of a series are drawn as a band, since it has many points, or as bars.
bool has_bands(const Figure& figure, const Curve& curve);

/// Gives figures whose axes have the same names, as panels that are to be compared have, the same y axis,
/// unless its ends are fixed. A figure of which all would lie within a quarter of that axis keeps its own,
/// which its note then says.
void share_y_axes(std::span<Figure> figures);

}  // namespace keel::tools
