#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <stop_token>
#include <string>

#include "keel/tools/runs/lease.hpp"

namespace keel::tools {

/// Pieces of work, by number, that several processes do together.
struct SharedWork {
  std::function<std::string(std::size_t)>
      name;                               ///< of the claim on it; pieces of one name are done one at a time
  std::function<bool(std::size_t)> find;  ///< takes what another process made of it, if that is there
  std::function<void(std::size_t)> run;   ///< does it
};

/// Until each of these pieces was found or done, or `stop` is requested: does, in their order and on `threads` threads
/// with a thread limit of 1, those that no other process has claimed, and waits for the others. A claim that another
/// process gave up, or does not keep up, is taken over. Rethrows the first exception of `run`.
void work_together(std::span<const std::size_t> pieces, const SharedWork& work, LeaseBook& leases,
                   int threads, const std::stop_token& stop);

}  // namespace keel::tools
