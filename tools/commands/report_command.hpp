#pragma once

#include <string>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// `keel report`: makes report.html again from the results.json of a folder.
ExitStatus report_again(const std::string& folder, const Invocation& invocation);

}  // namespace keel::tools
