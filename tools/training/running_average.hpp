#pragma once

#include "keel/tools/training/network.hpp"

namespace keel::tools {

/// Frees the running averages of a network's batch norms of the mean 0 and the variance 1 that they started
/// from: after n updates of momentum m these still have the weight (1 - m)^n. Those without an update stay
/// as they are.
void correct_running_averages(Network& network, double momentum = 0.1);

}  // namespace keel::tools
