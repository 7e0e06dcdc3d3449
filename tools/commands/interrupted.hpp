#pragma once

#include <cstddef>

#include "keel/tools/runs/workspace.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// Says how a command that was interrupted is gone on with, or that nothing of it is left. To be called when all that
/// is kept has been written. `joined`: by several processes.
ExitStatus end_interrupted(const Workspace& workspace, std::size_t finished, std::size_t all,
                           bool joined = false);

}  // namespace keel::tools
