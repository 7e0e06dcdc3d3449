#pragma once

#include <span>
#include <string>
#include <vector>

#include "keel/tools/report/report_data.hpp"

namespace keel::tools {

/// What `keel compare` found: its curves, and the table of its `summary`.
Section compare_section(std::span<const RunResult> runs, const Json& summary,
                        const std::vector<std::string>& command);

}  // namespace keel::tools
