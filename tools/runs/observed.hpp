#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "keel/tools/findings/sample_interval.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

// What is compared of two arms where some runs give only a bound.

/// a - b, or what is known of it: a bound where the bounds of the two point the same way, else unknown.
Observation difference(const Observation& a, const Observation& b);
/// a / b of two positive values, in the same way.
Observation ratio(const Observation& a, const Observation& b);

/// A value of every seed, or what is known of it.
using ObservedBySeed = std::map<std::uint64_t, Observation>;
/// Of the single run with each seed that passes.
ObservedBySeed observed(std::span<const RunResult> runs, const RunFilter& filter,
                        const std::function<Observation(const RunResult&)>& value);

/// `combine` of two arms' values, for the seeds that both have, in their order.
std::vector<Observation> pairwise(
    const ObservedBySeed& a, const ObservedBySeed& b,
    const std::function<Observation(const Observation&, const Observation&)>& combine);

}  // namespace keel::tools
