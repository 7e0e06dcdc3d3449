#pragma once

#include <cstdint>

#include "keel/tools/training/network.hpp"

namespace keel::tools {

/// A moving average without what it began with: running = (1 - m)^t initial + (1 - (1 - m)^t) corrected,
/// where m is the momentum and t the number of updates. It is the mean of the updates, each with the weight
/// that the average gives it. Throws Error when there was no update: of nothing there is no mean.
double without_initial(double running, double initial, double momentum, std::int64_t updates);

/// Frees the running averages of a network's batch norms of the mean 0 and the variance 1 that they started
/// from: after n updates of momentum m these still have the weight (1 - m)^n. A variance that rounding takes
/// below 0, of a unit that is constant, is 0. Those without an update stay as they are.
void correct_running_averages(Network& network, double momentum = 0.1);

}  // namespace keel::tools
