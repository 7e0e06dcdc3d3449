#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/finding.hpp"
#include "keel/tools/report/axis_scale.hpp"

namespace keel::tools {

/// Effects that share an axis, since they have unit and scale in common, in the order of their table.
struct ForestGroup {
  std::vector<const Finding*> findings;
  Scale scale;
};

/// The findings by the axis that they share; groups in the order of their first finding.
std::vector<ForestGroup> forest_groups(std::span<const Finding> findings);

/// A finding's row of the forest plot: its effect and interval, the line of no effect, and, dashed, the size
/// that the rule asks for.
std::string forest_row(const Finding& finding, const Scale& scale);

/// The axis above it.
std::string forest_axis(const Finding& finding, const Scale& scale);

}  // namespace keel::tools
