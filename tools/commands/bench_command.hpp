#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// `keel bench`.
struct BenchOptions {
  std::string json;                 ///< file to write the cases to; empty for none
  std::string profile;              ///< model whose nodes are to be listed instead; empty for none
  std::string against;              ///< "torch", or empty
  std::vector<std::string> models;  ///< only the cases of these; empty for all
  std::int64_t batch_size = 0;  ///< only the cases of this one, and that of the profile; 0 for all, and 64
  int threads = 0;              ///< 0: on one and on all
  int repeats = 41;             ///< rounds of measurements a case
};

/// Measures training steps and inference against the bare oneDNN primitives of the same shapes. A stop is
/// heeded between cases; those that are measured are kept.
ExitStatus bench(const BenchOptions& options, const std::function<std::stop_token()>& stop);

}  // namespace keel::tools
