// The keel program: reads the command line, runs a command, turns exceptions into a sentence and an exit
// status.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <span>

#include "keel/runtime/onednn.hpp"
#include "keel/tools/commands/bench_command.hpp"
#include "keel/tools/commands/compare.hpp"
#include "keel/tools/commands/data_command.hpp"
#include "keel/tools/commands/graph_command.hpp"
#include "keel/tools/commands/report_command.hpp"
#include "keel/tools/commands/study_options.hpp"
#include "keel/tools/data/image_set.hpp"
#include "keel/tools/runs/results.hpp"

namespace {

using namespace keel::tools;  // NOLINT(google-build-using-namespace)

// CLI11 would only say that a command is missing.
void require_known_commands(const CLI::App& app, std::span<const std::string> words,
                            const std::string& path) {
  const auto commands = app.get_subcommands(nullptr);
  if (commands.empty() || words.empty() || words[0].starts_with('-')) return;
  std::vector<std::string> names;
  for (const auto* command : commands) {
    if (command->get_name() == words[0]) {
      return require_known_commands(*command, words.subspan(1), path + " " + words[0]);
    }
    names.push_back(command->get_name());
  }
  throw UsageError{fmt::format("'{0}' has no command '{1}', only {2}; see {0} --help", path, words[0],
                               fmt::join(names, ", "))};
}

ExitStatus run(CLI::App& app, int argc, char** argv) {
  const Interrupt interrupt;
  app.set_help_flag("--help", "print this and exit");
  app.set_version_flag(
      "--version",
      [] {
        return fmt::format("keel {} (oneDNN {}, {})", keel_version(), keel::onednn::version(),
                           keel::onednn::instruction_set());
      },
      "print keel's version, oneDNN's and the instruction set in use, and exit");
  app.require_subcommand(1);
  ExitStatus status = ExitStatus::done;
  const std::vector<std::string> arguments(argv, argv + argc);

  CommonOptions compare_options;
  auto* compare_command = app.add_subcommand(
      "compare", "train the same network without and with batch normalization, and compare them");
  add_run_options(*compare_command, compare_options);
  add_training_options(*compare_command, compare_options.run);
  compare_command->callback([&] { status = compare(compare_options, arguments, interrupt); });

  const Invocation invocation{arguments, interrupt};
  BatchStudyOptions batch_study_options;
  add_batch_study_command(app, batch_study_options, invocation, status);

  StudyOptions study_options;
  add_study_command(app, study_options, invocation, status);

  ReportOptions report_options;
  add_report_command(app, report_options, status);

  DataOptions data_options;
  add_data_command(app, data_options, interrupt.token(), status);

  BenchOptions bench_options;
  add_bench_command(app, bench_options, status);

  GraphOptions graph_options;
  add_graph_command(app, graph_options, status);

  require_known_commands(app, std::span{arguments}.subspan(1), "keel");
  app.parse(argc, argv);
  return status;
}

int fail(const char* what, ExitStatus status) {
  fmt::print(stderr, "keel: {}\n", what);
  return static_cast<int>(status);
}

}  // namespace

// What escapes is a failure to print the error itself.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  CLI::App app{"keel: batch normalization, measured", "keel"};
  try {
    return static_cast<int>(run(app, argc, argv));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    return fail(fmt::format("{}; see keel --help", error.what()).c_str(), ExitStatus::usage);
  } catch (const UsageError& error) {
    return fail(error.what(), ExitStatus::usage);
  } catch (const DataError& error) {
    return fail(error.what(), ExitStatus::data);
  } catch (const std::exception& error) {
    return fail(error.what(), ExitStatus::failed);
  }
}
