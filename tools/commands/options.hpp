#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/commands/command_ranks.hpp"
#include "keel/tools/runs/study.hpp"
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
  bool join = false;  ///< other processes do the same in the folder `out`
  int lease = 60;     ///< seconds after which what one of them has claimed is another's, unless it shows life
  bool quiet = false;
  CommandRanks ranks;  ///< that do this command together
};

/// What the commands that train are given besides their options.
struct Invocation {
  const std::vector<std::string>& arguments;  ///< the command line, program first
  const Interrupt& interrupt;
  std::span<const std::unique_ptr<Study>> studies;  ///< that `study` offers and `report` knows
  /// Whether they are of a program of somebody's own, which may vary network and optimizer.
  bool own_studies = false;
};

/// One of the program's studies or of keel's; null if there is none of that name.
const Study* known_study(const Invocation& invocation, std::string_view name);

}  // namespace keel::tools
