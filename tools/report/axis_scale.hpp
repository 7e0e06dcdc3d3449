#pragma once

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"

namespace keel::tools {

/// A mark on an axis; a small one if it has no label.
struct Tick {
  double at = 0.0;
  std::string label;
};

/// The part of the numbers that an axis shows.
struct Scale {
  bool logarithmic = false;
  double low = 0.0;
  double high = 1.0;
  std::vector<Tick> ticks = {};

  /// Where a value lies between `low`, 0, and `high`, 1.
  [[nodiscard]] double place(double value) const {
    return logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  }
};

/// An axis as it lies on the canvas, which decides how many labels have room.
struct AxisRoom {
  double length = 0.0;     ///< in pixels
  bool upright = false;    ///< labels lie above each other, not beside
  bool at_values = false;  ///< ticks at the values themselves, if they are few and have short labels
};

/// Whether a value can be drawn on the axis: finite, of a sensible size, and positive on a logarithmic one.
bool drawable(const Axis& axis, double value);

/// The scale of an axis that is to show `values`, all of them drawable. Its ticks lie at round numbers, and
/// their labels don't touch.
Scale scale_of(const Axis& axis, std::span<const double> values, const AxisRoom& room);

}  // namespace keel::tools
