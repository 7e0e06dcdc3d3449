#pragma once

#include "keel/tools/studies/batch_views.hpp"

namespace keel::tools {

/// The smallest batch size held against the largest, in words made from the numbers, for each view and network.
/// A difference is told where the 95 % interval of the paired difference leaves out zero.
Table batch_trade_offs(const BatchRuns& runs);

}  // namespace keel::tools
