#pragma once

#include <filesystem>

#include "keel/tools/report/report_data.hpp"
#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// Writes `folder`/report.html, one page that needs nothing else, and the pictures in it as files of their
/// own, `folder`/figures/NAME-K.svg, from a results.json alone. Throws DataError when `results` are not those
/// of `keel compare`, `keel batch-study` or `keel study`; Error when a file can't be written. `find` knows the
/// studies.
void write_report(const std::filesystem::path& folder, const Json& results, const StudyFinder& find);

/// Reads `folder`/results.json, or results.json.gz where only that is there. Throws DataError when it is not there or not JSON.
Json read_results(const std::filesystem::path& folder);

}  // namespace keel::tools
