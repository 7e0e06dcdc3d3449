#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace keel::tools {

/// Runs the command that a command line names and returns its status. Throws UsageError for a command line
/// that asks for what can't be; what the command throws passes through. A command that was interrupted ends
/// with the status of the signal that did it: 128 + its number.
ExitStatus run_command_line(int argc, char** argv);

/// Reads a command line as `run_command_line` does, the program's name first, but runs no command. Throws
/// UsageError for one that asks for what can't be.
void check_command_line(const std::vector<std::string>& arguments);

/// Gives the token that a command heeds: `Interrupt::token`, called when the command begins, since until then
/// a signal ends the program at once.
using StopRequests = std::function<std::stop_token()>;

// Each adds a command to the program. The one that is named is run when the command line is parsed and leaves
// its status in `status`; all arguments must outlive the parsing.

void add_compare_command(CLI::App& app, const Invocation& invocation, ExitStatus& status);
void add_batch_study_command(CLI::App& app, const Invocation& invocation, ExitStatus& status);
void add_study_command(CLI::App& app, const Invocation& invocation, ExitStatus& status);
void add_report_command(CLI::App& app, const Invocation& invocation, ExitStatus& status);
void add_data_command(CLI::App& app, const StopRequests& stop, ExitStatus& status);
void add_bench_command(CLI::App& app, const StopRequests& stop, ExitStatus& status);
void add_graph_command(CLI::App& app, ExitStatus& status);
void add_train_command(CLI::App& app, const Invocation& invocation, ExitStatus& status);
void add_evaluate_command(CLI::App& app, ExitStatus& status);
void add_predict_command(CLI::App& app, ExitStatus& status);
void add_export_command(CLI::App& app, ExitStatus& status);
void add_import_command(CLI::App& app, ExitStatus& status);
/// One that studies call, and no list of commands shows.
void add_measure_start_command(CLI::App& app, ExitStatus& status);

/// Adds `--data` to a command. `name` must outlive `command`, here and below.
void add_data_option(CLI::App& command, std::string& name, std::string_view purpose = "images to train on");
/// The same, which may be given several times.
void add_data_option(CLI::App& command, std::vector<std::string>& names);
/// Adds `--seed` to a command, checked strictly: neither -1 nor a number that does not fit passes.
void add_seed_option(CLI::App& command, std::uint64_t& seed, const std::string& meaning);
/// Adds `--limit`, `--out`, `--force` and `--quiet`.
void add_result_options(CLI::App& command, CommonOptions& options);
/// Adds `--epochs`, up to `most_epochs`, and `--batch-size`.
void add_length_options(CLI::App& command, RunSettings& run, std::int64_t most_epochs);

}  // namespace keel::tools
