#pragma once

#include <functional>

#include "case.hpp"

namespace keel::differential {

/// The smallest case found, by fewer operators, smaller extents and plainer values, of which `fails` is still
/// true. `fails` is asked at most `attempts` times.
Case shrink(Case description, const std::function<bool(const Case&)>& fails, int attempts = 400);

}  // namespace keel::differential
