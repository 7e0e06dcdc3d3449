#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "keel/tools/system/interrupt.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// The options that mean the same in every command that trains.
struct CommonOptions {
  std::string data = "digits";
  std::uint64_t seed = 1;
  int seeds = 1;
  int threads = 1;  ///< runs side by side
  RunSettings run;  ///< of each run; model and seed are set for each
  std::string out;  ///< empty for the default folder
  bool force = false;
  bool resume = false;
  bool quiet = false;
};

/// What the commands that train are given besides their options.
struct Invocation {
  const std::vector<std::string>& arguments;  ///< the command line, program first
  const Interrupt& interrupt;
};

}  // namespace keel::tools
