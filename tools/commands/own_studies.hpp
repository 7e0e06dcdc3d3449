#pragma once

#include <memory>
#include <span>

#include "keel/tools/runs/study.hpp"

namespace keel::tools {

/// The `main` of a program with studies of one's own: `study NAME` or `study all`, with the options of keel's, and
/// with `--hidden W,W,...` and `--optimizer sgd|adam` for what `settings_for` begins with; and `report DIR`. Returns
/// the exit status, as keel has it.
int own_studies_main(int argc, char** argv, std::span<const std::unique_ptr<Study>> studies);

}  // namespace keel::tools
