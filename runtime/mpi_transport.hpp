#pragma once

#include <memory>

#include "keel/runtime/transport.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Whether mpirun or srun has started this process as one of several ranks.
bool started_as_rank();

/// Loads the module of MPI and begins it. Throws Error where that can't be.
std::shared_ptr<Transport> mpi_transport();

}  // namespace keel

#pragma GCC visibility pop
