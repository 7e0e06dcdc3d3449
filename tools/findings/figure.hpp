#pragma once

#include <optional>
#include <string>
#include <vector>

namespace keel::tools {

/// One axis of a figure.
struct Axis {
  std::string name;  ///< with its unit: "learning rate", "validation accuracy (%)"
  bool logarithmic = false;
  /// Names of the places 0, 1, 2, ... of an axis that has no numbers; a point may lie between two.
  std::vector<std::string> categories = {};
  std::optional<double> low = {};   ///< where the axis begins; by default with the data
  std::optional<double> high = {};  ///< where it ends
};

/// A mean and the interval around it; none of the latter with one seed. What is not finite is not drawn.
struct Point {
  double x = 0.0;
  double y = 0.0;
  std::optional<double> low = {};
  std::optional<double> high = {};
  int count = 0;  ///< of the values, one a seed, that it is the mean of; 0 where that is not known
};

/// One arm's points, joined by a line where the x axis has numbers.
struct Series {
  std::string arm;    ///< decides the colour, which is the same in all figures: "plain", "bn", ...
  std::string label;  ///< in the legend: "batch norm, batch 32"
  std::vector<Point> points = {};
  bool dashed = false;
  bool marked = true;  ///< a symbol at every point
};

/// A level that the values are to be seen against.
struct Level {
  double y = 0.0;
  std::string label;
};

/// What a headline measures, to be seen in the picture: an arrow from one place of the plot to another, in
/// the axes' numbers, with a few words. See mark.hpp.
struct Mark {
  double from_x = 0.0;
  double from_y = 0.0;
  double to_x = 0.0;
  double to_y = 0.0;
  std::string label;                                 ///< "+2.0 decades"
  std::string what = "what the claim is judged by";  ///< for the caption
};

/// A picture, described apart from how it is drawn. Figures of a section whose axes have the same names are
/// drawn with the same y axis, so that they can be compared.
struct Figure {
  std::string title;  ///< what is shown, as a short sentence without full stop
  Axis x;
  Axis y;
  std::vector<Series> series = {};
  std::vector<Level> levels = {};
  std::optional<Mark> mark = {};
  /// What a reader has to know besides, as sentences: what intervals are, if not the 95 % ones of means
  /// over seeds.
  std::string note = {};
};

/// A table of the report: text, ready to be shown.
struct Table {
  std::string title;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows = {};
  bool words = false;  ///< columns after the first are sentences, not numbers
};

}  // namespace keel::tools
