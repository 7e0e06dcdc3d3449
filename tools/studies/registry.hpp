#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "keel/tools/runs/study.hpp"

namespace keel::tools {

/// The studies of `keel study`, in the order in which they are reported.
std::span<const std::unique_ptr<Study>> studies();
/// The study of that name, one of these or "batch-study"; null if there is none.
const Study* find_study(std::string_view name);

}  // namespace keel::tools
