#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

/// The geometric mean of positive values at `x` with its 95 % t interval; values that are not positive and
/// finite are left out, NaN for none.
Point geometric_point(double x, std::span<const double> values);
Point geometric_point(double x, const BySeed& values);

/// A series that runs measured, as geometric means over the runs that pass, by another of their series or,
/// without one, by place, counted from 1.
std::vector<Point> geometric_curve(std::span<const RunResult> runs, const RunFilter& filter,
                                   const std::string& y, const std::string& x = "");
/// The same as arithmetic means.
std::vector<Point> mean_curve(std::span<const RunResult> runs, const RunFilter& filter, const std::string& y,
                              const std::string& x = "");

/// "1.47 [1.45, 1.49]", the mean alone where there is no interval; "–" for none.
std::string interval_text(const Point& point, int decimals);

}  // namespace keel::tools
