#pragma once

#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/report/axis_scale.hpp"

namespace keel::tools {

/// The width of a plot's canvas in pixels: that of a phone's column.
constexpr double plot_width = 340.0;

/// A series as drawn: pieces of a curve, interrupted where a value is missing. Points and the ends of their
/// intervals are pixels of the canvas, counted from its upper left corner, and may lie above or below the plot.
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

}  // namespace keel::tools
