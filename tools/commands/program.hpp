#pragma once

#include <functional>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// What `main` is to return: runs `run`, turns exceptions into a sentence on standard error and an exit status, and
/// makes sure that nothing written was lost.
int run_program(const std::function<ExitStatus()>& run);

}  // namespace keel::tools
