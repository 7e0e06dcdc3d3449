#pragma once

#include <vector>

#include "keel/tools/studies/batch_views.hpp"
#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// Two tables of numbers for each view: where training ends, and how fast it gets there.
std::vector<Table> batch_tables(const BatchRuns& runs);

/// `batch_sizes` of the summary: by view, model and batch size, mean and standard deviation of the final
/// validation accuracy and loss.
Json batch_summary(const BatchRuns& runs);

}  // namespace keel::tools
