#pragma once

#include <optional>
#include <string>

#include "keel/tools/findings/figure.hpp"

namespace keel::tools {

// A study marks in its first figure what its first finding measures: `figure.mark = gap_at(figure, "plain",
// "bn", 40.0, "+39 points")`.

/// The arrow from one arm's point to another's at the same `x`. None where one of them has none there. Of
/// an arm's series the first counts.
std::optional<Mark> gap_at(const Figure& figure, const std::string& from, const std::string& to, double x,
                           std::string label);

/// The arrow from where one arm's curve first reaches the level `y` to where another's does, in between two
/// points on the straight line that is drawn. None where one of them never gets there.
std::optional<Mark> gap_along(const Figure& figure, const std::string& from, const std::string& to, double y,
                              std::string label);

}  // namespace keel::tools
