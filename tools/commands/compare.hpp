#pragma once

#include "keel/tools/commands/options.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// `keel compare`: trains the plain network and the one with batch normalization on each seed, prints their
/// epochs side by side and, with several seeds, the paired difference, and writes results.json.
ExitStatus compare(const CommonOptions& options, const Invocation& invocation);

}  // namespace keel::tools
