#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "keel/tools/training_run.hpp"

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
  bool quiet = false;
};

/// Adds `--data` to a command. `name` must outlive `command`, here and below.
void add_data_option(CLI::App& command, std::string& name);

/// Adds `--seed` to a command, checked strictly: neither -1 nor a number that does not fit passes.
void add_seed_option(CLI::App& command, std::uint64_t& seed, const std::string& meaning);

/// Adds these options to a command, with their checks, units and defaults. `options` must outlive `command`.
void add_common_options(CLI::App& command, CommonOptions& options);

}  // namespace keel::tools
