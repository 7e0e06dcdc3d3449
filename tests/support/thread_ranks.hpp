#pragma once

#include <functional>

#include "keel/runtime/communicator.hpp"

namespace keel::test {

/// Calls `body` once for each of `size` ranks, each in a thread of its own with one thread for its kernels, connected
/// by memory instead of MPI. When all are done, throws what the lowest rank that threw has thrown.
void run_ranks(int size, const std::function<void(const Communicator& ranks)>& body);

}  // namespace keel::test
