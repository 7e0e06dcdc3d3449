#pragma once

#include <cstdint>
#include <string>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// `keel graph`.
struct GraphOptions {
  std::string model = "bn";
  std::int64_t batch_size = 64;
  bool step = false;  ///< the whole training step, else inference
  std::string out;    ///< empty for the default folder
  bool force = false;
};

/// Draws a network's program as it was recorded and as it was compiled.
ExitStatus draw_graph(const GraphOptions& options);

}  // namespace keel::tools
