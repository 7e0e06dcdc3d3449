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

/// An axis of a finding's own, without ticks, on which no effect lies at the same place whatever the
/// finding is, so that findings of all units can be seen one below the other.
Scale aligned_scale(const Finding& finding);

/// A finding's row of the forest plot: each seed's effect as a dot, or an arrow where it is only a bound;
/// above them the 95 % interval, thick, with the one that is corrected for other findings as a thin line
/// that reaches further; the mean; the line of no effect, and, dashed, the size that the rule asks for. An
/// interval without an end on one side ends there in an arrow.
std::string forest_row(const Finding& finding, const Scale& scale);

/// The axis above it.
std::string forest_axis(const Finding& finding, const Scale& scale);

/// What the marks in a row mean, in words.
std::string forest_key();

}  // namespace keel::tools
