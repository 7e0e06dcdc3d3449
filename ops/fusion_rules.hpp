#pragma once

#include <span>

#include "keel/graph/fusion.hpp"

namespace keel {

/// Every fusion rule, in the order in which they are applied. For `PlanOptions::rules`.
std::span<const FusionRule> fusion_rules();

}  // namespace keel
