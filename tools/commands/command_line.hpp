#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace keel::tools {

/// Runs the command that a command line names and returns its status. Throws UsageError for a command line that
/// asks for what can't be; what the command throws passes through.
ExitStatus run_command_line(int argc, char** argv);

// Each adds a command to the program. The one that is named is run when the command line is parsed and leaves
// its status in `status`; all arguments must outlive the parsing.

void add_compare_command(CLI::App& app, const Invocation& invocation, ExitStatus& status);
void add_batch_study_command(CLI::App& app, const Invocation& invocation, ExitStatus& status);
void add_study_command(CLI::App& app, const Invocation& invocation, ExitStatus& status);
void add_report_command(CLI::App& app, ExitStatus& status);
void add_data_command(CLI::App& app, const std::stop_token& stop, ExitStatus& status);
void add_bench_command(CLI::App& app, ExitStatus& status);
void add_graph_command(CLI::App& app, ExitStatus& status);
void add_train_command(CLI::App& app, const Invocation& invocation, ExitStatus& status);
void add_evaluate_command(CLI::App& app, ExitStatus& status);
void add_predict_command(CLI::App& app, ExitStatus& status);
void add_export_command(CLI::App& app, ExitStatus& status);
void add_import_command(CLI::App& app, ExitStatus& status);

/// Adds `--data` to a command. `name` must outlive `command`, here and below.
void add_data_option(CLI::App& command, std::string& name);
/// Adds `--seed` to a command, checked strictly: neither -1 nor a number that does not fit passes.
void add_seed_option(CLI::App& command, std::uint64_t& seed, const std::string& meaning);
/// A number from `low` to `high`; not NaN.
CLI::Validator number_between(double low, double high);

}  // namespace keel::tools
