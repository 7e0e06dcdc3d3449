#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

struct GraphOptions {
  std::string model = "bn";
  std::int64_t batch_size = 64;
  bool step = false;  ///< the whole training step, else inference
  std::string out;    ///< empty for the default folder
  bool force = false;
};

/// Adds `keel graph` to the program. `options` and `status` must outlive `app`.
void add_graph_command(CLI::App& app, GraphOptions& options, ExitStatus& status);

}  // namespace keel::tools
