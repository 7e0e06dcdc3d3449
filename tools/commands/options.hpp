#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

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
  bool quiet = false;
};

/// Adds `--data` to a command. `name` must outlive `command`, here and below.
void add_data_option(CLI::App& command, std::string& name);

/// Adds `--seed` to a command, checked strictly: neither -1 nor a number that does not fit passes.
void add_seed_option(CLI::App& command, std::uint64_t& seed, const std::string& meaning);

/// Adds the options that say on what is run and where results go, with their checks, units and defaults: data,
/// seeds, limit, threads, out, force, quiet. `options` must outlive `command`.
void add_run_options(CLI::App& command, CommonOptions& options);

/// Adds those of a single training: epochs, batch size, learning rate, momentum.
void add_training_options(CLI::App& command, RunSettings& run);

/// A number from `low` to `high`; not NaN.
CLI::Validator number_between(double low, double high);

}  // namespace keel::tools
