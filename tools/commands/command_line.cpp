#include "keel/tools/commands/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "keel/runtime/onednn.hpp"
#include "keel/tools/bench/cases.hpp"
#include "keel/tools/commands/bench_command.hpp"
#include "keel/tools/commands/data_command.hpp"
#include "keel/tools/commands/graph_command.hpp"
#include "keel/tools/commands/report_command.hpp"
#include "keel/tools/runs/results.hpp"

namespace keel::tools {
namespace {

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

void add_mnist(CLI::App& data, const std::stop_token& stop, ExitStatus& status) {
  auto* const command =
      data.add_subcommand("mnist", "download MNIST (11 MB) into keel's cache folder, unless it is there");
  const auto options = std::make_shared<MnistOptions>();
  command->add_option("--url", options->url, "folder to download the four files from: http, https or file")
      ->type_name("URL")
      ->capture_default_str();
  command->add_flag("--force", options->force, "download files that are there already, too");
  command->callback([options, stop, &status] { status = data_mnist(*options, stop); });
}

void add_digits(CLI::App& data, const std::stop_token& stop, ExitStatus& status) {
  auto* const command = data.add_subcommand(
      "digits", "write the built-in digits as gzipped IDX files under MNIST's names, for other programs");
  const auto options = std::make_shared<DigitsFolderOptions>();
  command->add_option("--out", options->out, "folder for the four files; made if it is missing")
      ->type_name("DIR")
      ->required();
  add_seed_option(*command, options->seed, "what the digits are drawn from");
  command->add_flag("--force", options->force, "write into a folder that is not empty");
  command->callback([options, stop, &status] { status = data_digits(*options, stop); });
}

void add_info(CLI::App& data, ExitStatus& status) {
  auto* const command = data.add_subcommand("info", "print what is in a data set");
  const auto options = std::make_shared<InfoOptions>();
  add_data_option(*command, options->data);
  command->callback([options, &status] { status = data_info(*options); });
}

std::set<std::string> model_names() {
  return {bench_models().begin(), bench_models().end()};
}

}  // namespace

void add_report_command(CLI::App& app, ExitStatus& status) {
  auto* command = app.add_subcommand("report", "make report.html again from a folder's results.json");
  const auto folder = std::make_shared<std::string>();
  command->add_option("DIR", *folder, "folder of compare, batch-study or study")->required()->type_name("");
  command->callback([folder, &status] { status = report_again(*folder); });
}

void add_data_command(CLI::App& app, const std::stop_token& stop, ExitStatus& status) {
  auto* const data = app.add_subcommand("data", "download, write or describe data sets");
  data->require_subcommand(1);
  add_mnist(*data, stop, status);
  add_digits(*data, stop, status);
  add_info(*data, status);
}

void add_bench_command(CLI::App& app, ExitStatus& status) {
  auto* command = app.add_subcommand(
      "bench", "measure training steps and inference against the bare oneDNN primitives of the same shapes");
  const auto options = std::make_shared<BenchOptions>();
  command->add_option("--model", options->models, "only these networks; may be given more than once [all]")
      ->type_name("MODEL")
      ->check(CLI::IsMember(model_names()));
  auto* batch_size = command->add_option("--batch-size", options->batch_size,
                                         "only this size of batch [all]; of the profile, any [64]");
  batch_size->type_name("N")->check(CLI::Range(1, 1'000'000));
  command->add_option("--threads", options->threads, "threads inside a step [one, and all]")
      ->type_name("T")
      ->check(CLI::Range(1, 1024));
  command->add_option("--repeats", options->repeats, "rounds of measurements a case")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--against", options->against, "measure libtorch's step in the same rounds")
      ->type_name("torch")
      ->check(CLI::IsMember({"torch"}));
  command->add_option("--json", options->json, "file to write the figures to as well")->type_name("FILE");
  command
      ->add_option("--profile", options->profile,
                   "list the nodes of this network's training step with their times instead")
      ->type_name("MODEL")
      ->check(CLI::IsMember(model_names()));
  command->callback([options, &status] { status = bench(*options); });
}

void add_graph_command(CLI::App& app, ExitStatus& status) {
  auto* command =
      app.add_subcommand("graph", "draw a network's program as it was recorded and as it was compiled");
  const auto options = std::make_shared<GraphOptions>();
  command->add_option("--model", options->model, "network to draw")
      ->type_name("MODEL")
      ->check(CLI::IsMember(model_names()))
      ->capture_default_str();
  command->add_flag("--step", options->step,
                    "draw the whole training step: forward, backward, update [inference]");
  command->add_option("--batch-size", options->batch_size, "images a batch")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--out", options->out, "folder for the pictures; made if it is missing [runs/graph-TIME]")
      ->type_name("DIR");
  command->add_flag("--force", options->force, "write into a folder that is not empty");
  command->callback([options, &status] { status = draw_graph(*options); });
}

ExitStatus run_command_line(int argc, char** argv) {
  const Interrupt interrupt;
  CLI::App app{"keel: batch normalization, measured", "keel"};
  app.set_help_flag("--help", "print this and exit");
  app.set_version_flag(
      "--version",
      [] {
        return fmt::format("keel {} (oneDNN {}, {})", keel_version(), onednn::version(),
                           onednn::instruction_set());
      },
      "print keel's version, oneDNN's and the instruction set in use, and exit");
  app.require_subcommand(1);
  ExitStatus status = ExitStatus::done;
  const std::vector<std::string> arguments(argv, argv + argc);
  const Invocation invocation{arguments, interrupt};
  const std::stop_token stop = interrupt.token();
  add_compare_command(app, invocation, status);
  add_batch_study_command(app, invocation, status);
  add_study_command(app, invocation, status);
  add_train_command(app, invocation, status);
  add_evaluate_command(app, status);
  add_predict_command(app, status);
  add_export_command(app, status);
  add_import_command(app, status);
  add_report_command(app, status);
  add_data_command(app, stop, status);
  add_bench_command(app, status);
  add_graph_command(app, status);
  require_known_commands(app, std::span{arguments}.subspan(1), "keel");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw UsageError{fmt::format("{}; see keel --help", error.what())};
    app.exit(error);  // --help and --version
  }
  return status;
}

}  // namespace keel::tools
