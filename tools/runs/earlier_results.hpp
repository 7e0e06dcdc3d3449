#pragma once

#include <filesystem>

namespace keel::tools {

/// Removes what keel's commands leave in a folder, if one of them left it, so that another that is forced
/// into it (`--force`) does not leave a mixture: settings, results, report, tables, runs, and the pictures of
/// `keel graph`. All other files stay. Throws UsageError, and removes nothing, where there is a trained
/// network, which is not made again in a minute; with `networks_too`, as for another training, it is left alone.
void remove_earlier_results(const std::filesystem::path& folder, bool networks_too = false);

}  // namespace keel::tools
