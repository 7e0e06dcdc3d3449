#pragma once

#include <filesystem>

#include "keel/tools/system/json_fwd.hpp"

namespace keel::tools {

/// Makes sure that all processes that share `folder` compute the same bits: the first leaves there what its numbers depend
/// on, and the others compare. Throws Error, naming what differs and what to do.
void require_same_bits(const std::filesystem::path& folder, const Json& provenance);

}  // namespace keel::tools
