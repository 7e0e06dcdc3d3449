#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/tools/findings/figure.hpp"
#include "keel/tools/findings/finding.hpp"
#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// What the same studies found on one of several data sets.
struct DataSetVerdicts {
  std::string data;    ///< its name
  std::string folder;  ///< where its own results and report lie, seen from the page
  std::vector<std::string> studies;
  std::vector<Finding> primaries;  ///< of each study
};

/// Of a results.json. Throws Error when it is none of `keel study`.
DataSetVerdicts verdicts_in(const Json& results, std::string folder);

/// For each study its verdict and effect on every data set, and whether the verdict holds on all of them. The sets
/// must have the same studies.
Table side_by_side_table(std::span<const DataSetVerdicts> sets);

/// The same as a page that needs nothing else, with links to the reports of each set.
std::string side_by_side_page(std::span<const DataSetVerdicts> sets);

}  // namespace keel::tools
