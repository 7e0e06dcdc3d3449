#pragma once

#include <functional>
#include <span>
#include <vector>

namespace keel::tools {

/// Microseconds a call, over `calls` calls.
double microseconds(const std::function<void()>& function, int calls);

/// The middle value (the upper one of an even number). There must be one.
double median(std::vector<double> values);

/// Times `contenders` in turn, `rounds` times, so that a drift of the machine's speed falls on all of them,
/// and each goes first equally often. A sample is as many calls as take some milliseconds, warm. Returns
/// microseconds a call: a row a contender, a column a round.
std::vector<std::vector<double>> time_in_turns(std::span<const std::function<void()>> contenders, int rounds);

/// The median of the ratios of samples that were taken in the same round.
double median_ratio(std::span<const double> numerators, std::span<const double> denominators);

}  // namespace keel::tools
