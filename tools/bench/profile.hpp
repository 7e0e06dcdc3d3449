#pragma once

#include <cstdint>
#include <string>

namespace keel::tools {

/// Prints the nodes of a training step of `model` (a name of `bench_models`) with time, share, GFLOP/s, GB/s,
/// threads and the implementation behind each.
void print_profile(const std::string& model, std::int64_t batch_size, int threads);

}  // namespace keel::tools
