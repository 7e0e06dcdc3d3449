#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/findings/finding.hpp"

namespace keel::tools {

/// One cell of a grid on which the same question is asked many times: its name, and the effect of each seed.
struct Cell {
  std::string name;
  std::vector<double> values;
};

/// Judges each cell by `endpoint`, corrected for the others by Holm's method. Cells without values are left
/// out. For tables: a verdict on the study rests on findings, never on such a count.
std::vector<Finding> judge_cells(const Endpoint& endpoint, std::span<const Cell> cells);

/// "4 of 6 cells hold, 1 speaks against".
std::string cell_count(std::span<const Finding> cells);

/// A row for each cell: its effect with its interval and its verdict; the count behind the title,
/// and that no cell can hold where seeds are too few for so many.
Table cell_table(const std::string& title, const Endpoint& endpoint, std::span<const Cell> cells);

}  // namespace keel::tools
