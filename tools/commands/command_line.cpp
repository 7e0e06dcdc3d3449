#include "keel/tools/commands/command_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "keel/runtime/onednn.hpp"
#include "keel/tools/bench/cases.hpp"
#include "keel/tools/commands/bench_command.hpp"
#include "keel/tools/commands/data_command.hpp"
#include "keel/tools/commands/graph_command.hpp"
#include "keel/tools/commands/help.hpp"
#include "keel/tools/commands/option_checks.hpp"
#include "keel/tools/commands/own_studies.hpp"
#include "keel/tools/commands/program.hpp"
#include "keel/tools/commands/report_command.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/terminal.hpp"

namespace keel::tools {
namespace {

void add_mnist(CLI::App& data, const StopRequests& stop, ExitStatus& status) {
  auto* const command =
      data.add_subcommand("mnist", "download MNIST (11 MB) into keel's cache folder, unless it is there");
  const auto options = std::make_shared<MnistOptions>();
  command->add_option("--url", options->url, "folder to download the four files from: http, https or file")
      ->type_name("URL")
      ->capture_default_str();
  command->add_flag("--force", options->force, "download files that are there already, too");
  command->callback([options, stop, &status] { status = data_mnist(*options, stop()); });
}

void add_digits(CLI::App& data, const StopRequests& stop, ExitStatus& status) {
  auto* const command = data.add_subcommand(
      "digits", "write the built-in digits as gzipped IDX files under MNIST's names, for other programs");
  const auto options = std::make_shared<DigitsFolderOptions>();
  command->add_option("--out", options->out, "folder for the four files; made if it is missing")
      ->type_name("DIR")
      ->check(some_text())
      ->required();
  add_seed_option(*command, options->seed, "what the digits are drawn from");
  command->add_flag("--force", options->force, "write into a folder that is not empty");
  command->callback([options, stop, &status] { status = data_digits(*options, stop()); });
}

void add_info(CLI::App& data, ExitStatus& status) {
  auto* const command = data.add_subcommand("info", "print what is in a data set");
  const auto options = std::make_shared<InfoOptions>();
  add_data_option(*command, options->data, "images to look at");
  command->add_option("--sheet", options->sheet, "PNG file to write ten training images of each class to")
      ->type_name("FILE")
      ->check(some_text());
  command->callback([options, &status] { status = data_info(*options); });
}

std::vector<std::string> model_names() {
  return {bench_models().begin(), bench_models().end()};
}

}  // namespace

void add_report_command(CLI::App& app, const Invocation& invocation, ExitStatus& status) {
  auto* command = app.add_subcommand("report", "make report.html again from a folder's results.json");
  const auto folder = std::make_shared<std::string>();
  command->add_option("DIR", *folder, "folder of compare, batch-study or study")->required()->type_name("");
  command->callback([folder, &invocation, &status] { status = report_again(*folder, invocation); });
}

void add_data_command(CLI::App& app, const StopRequests& stop, ExitStatus& status) {
  auto* const data = app.add_subcommand("data", "download, write or describe data sets");
  data->require_subcommand(1);
  add_mnist(*data, stop, status);
  add_digits(*data, stop, status);
  add_info(*data, status);
}

void add_bench_command(CLI::App& app, const StopRequests& stop, ExitStatus& status) {
  auto* command = app.add_subcommand(
      "bench", "measure training steps and inference against the bare oneDNN primitives of the same shapes");
  const auto options = std::make_shared<BenchOptions>();
  command->add_option("--model", options->models, "only these networks; may be given more than once [all]")
      ->type_name("MODEL")
      ->check(one_of(model_names()));
  auto* batch_size = command->add_option("--batch-size", options->batch_size,
                                         "only this size of batch [all]; of the profile, any [64]");
  batch_size->type_name("N")->check(whole_number(1, 1'000'000));
  command->add_option("--threads", options->threads, "threads inside a step [one, and all]")
      ->type_name("T")
      ->check(whole_number(1, 1024));
  command->add_option("--repeats", options->repeats, "rounds of measurements a case")
      ->type_name("N")
      ->check(whole_number(1, 100'000))
      ->capture_default_str();
  command
      ->add_option("--against", options->against,
                   "measure the steps of 'torch' (libtorch) in the same rounds")
      ->type_name("NAME")
      ->check(one_of({"torch"}));
  command->add_option("--json", options->json, "file to write the figures to as well")->type_name("FILE");
  command
      ->add_option("--profile", options->profile,
                   "list the nodes of this network's training step with their times instead")
      ->type_name("MODEL")
      ->check(one_of(model_names()));
  command->callback([options, stop, &status] { status = bench(*options, stop); });
}

void add_graph_command(CLI::App& app, ExitStatus& status) {
  auto* command =
      app.add_subcommand("graph", "draw a network's program as it was recorded and as it was compiled");
  const auto options = std::make_shared<GraphOptions>();
  command->add_option("--model", options->model, "network to draw")
      ->type_name("MODEL")
      ->check(one_of(model_names()))
      ->capture_default_str();
  command->add_flag("--step", options->step,
                    "draw the whole training step: forward, backward, update [inference]");
  command->add_option("--batch-size", options->batch_size, "images a batch")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--out", options->out, "folder for the pictures; made if it is missing [runs/graph-TIME]")
      ->type_name("DIR")
      ->check(some_text());
  command->add_flag("--force", options->force, "write into a folder that is not empty");
  command->callback([options, &status] { status = draw_graph(*options); });
}

namespace {

std::unique_ptr<CLI::App> make_app(const std::string& description, const std::string& name) {
  auto app = std::make_unique<CLI::App>(description, name);
  app->set_help_flag("-h,--help", "print this and exit");
  app->set_version_flag(
      "--version",
      [] {
        return fmt::format("keel {} (oneDNN {}, {})", keel_version(), onednn::version(),
                           onednn::instruction_set());
      },
      "print keel's version, oneDNN's and the instruction set in use, and exit");
  app->require_subcommand(1);
  return app;
}

// The program's commands; all arguments must outlive it.
std::unique_ptr<CLI::App> make_program(const Invocation& invocation, ExitStatus& status) {
  auto app = make_app("keel: batch normalization, measured", "keel");
  const StopRequests stop = [&invocation] { return invocation.interrupt.token(); };
  add_compare_command(*app, invocation, status);
  add_batch_study_command(*app, invocation, status);
  add_study_command(*app, invocation, status);
  add_train_command(*app, invocation, status);
  add_evaluate_command(*app, status);
  add_predict_command(*app, status);
  add_export_command(*app, status);
  add_import_command(*app, status);
  add_report_command(*app, invocation, status);
  add_data_command(*app, stop, status);
  add_bench_command(*app, stop, status);
  add_graph_command(*app, status);
  add_measure_start_command(*app, status);
  return app;
}

// Parses a command line, which runs its command. The first argument is the program.
void parse_words(CLI::App& app, std::span<const std::string> arguments) {
  const auto words = arguments.subspan(std::min<std::size_t>(1, arguments.size()));
  require_known_words(app, words);
  try {
    app.parse(std::vector<std::string>{words.rbegin(), words.rend()});  // the last first, as CLI11 takes them
  } catch (const CLI::CallForVersion& version) {
    fmt::print("{}\n", version.what());
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", help_text(named_command(app, words), terminal_width(STDOUT_FILENO)));
  } catch (const CLI::Success&) {
    // It was to be parsed alone.
  } catch (const CLI::ParseError& error) {
    throw UsageError{usage_sentence(app, error, words)};
  }
}

// Of a command that was interrupted, that of the signal that did it.
ExitStatus final_status(ExitStatus status, const Interrupt& interrupt) {
  constexpr int by_signal = 128;
  return status == ExitStatus::interrupted ? ExitStatus{by_signal + interrupt.signal()} : status;
}

std::string program_name(const std::vector<std::string>& arguments) {
  return arguments.empty() ? "study" : std::filesystem::path{arguments[0]}.filename().string();
}

}  // namespace

const Study* known_study(const Invocation& invocation, std::string_view name) {
  for (const auto& study : invocation.studies)
    if (study->name() == name) return study.get();
  return find_study(name);
}

ExitStatus run_command_line(int argc, char** argv) {
  const Interrupt interrupt;
  ExitStatus status = ExitStatus::done;
  const std::vector<std::string> arguments(argv, argv + argc);
  const Invocation invocation{arguments, interrupt, studies()};
  const auto app = make_program(invocation, status);
  parse_words(*app, arguments);
  return final_status(status, interrupt);
}

int own_studies_main(int argc, char** argv, std::span<const std::unique_ptr<Study>> studies) {
  return run_program([&] {
    const Interrupt interrupt;
    ExitStatus status = ExitStatus::done;
    const std::vector<std::string> arguments(argv, argv + argc);
    const Invocation invocation{arguments, interrupt, studies, true};
    const auto app = make_app("studies of one's own, in keel's laboratory", program_name(arguments));
    add_study_command(*app, invocation, status);
    add_report_command(*app, invocation, status);
    parse_words(*app, arguments);
    return final_status(status, interrupt);
  });
}

void check_command_line(const std::vector<std::string>& arguments) {
  const Interrupt interrupt;
  ExitStatus status = ExitStatus::done;
  const Invocation invocation{arguments, interrupt, studies()};
  const auto app = make_program(invocation, status);
  // The program's own comes before that of the command.
  app->parse_complete_callback([] { throw CLI::Success{}; });
  parse_words(*app, arguments);
}

}  // namespace keel::tools
