// The commands that train.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "keel/runtime/threads.hpp"
#include "keel/tools/commands/batch_study_command.hpp"
#include "keel/tools/commands/command_line.hpp"
#include "keel/tools/commands/compare.hpp"
#include "keel/tools/commands/option_checks.hpp"
#include "keel/tools/commands/over_ranks.hpp"
#include "keel/tools/commands/study_command.hpp"

namespace keel::tools {
namespace {

constexpr auto data_meaning =
    "'digits', drawn by keel itself; 'mnist', from the cache folder; or the path of a "
    "folder with the four IDX files, with NumPy arrays (train-images.npy, ...) or with PNG pictures by class "
    "(train/3/x.png)";

// The options that say on what is run and where results go.
void add_run_options(CLI::App& command, CommonOptions& options) {
  options.threads = available_processors();
  add_data_option(command, options.data);
  add_seed_option(command, options.seed, "first seed: of the split, the weights and the order of samples");
  command.add_option("--seeds", options.seeds, "number of seeds: S, S + 1, ...")
      ->type_name("K")
      ->check(whole_number(1, 100'000))
      ->capture_default_str();
  command
      .add_option("--threads", options.threads,
                  "runs side by side, one thread each; results never depend on it")
      ->type_name("T")
      ->check(whole_number(1, 1024))
      ->capture_default_str();
  add_result_options(command, options);
}

// Those of a single training.
void add_training_options(CLI::App& command, RunSettings& run) {
  add_length_options(command, run, 1'000'000);
  command.add_option("--learning-rate", run.learning_rate, "of SGD, per step")
      ->type_name("RATE")
      ->check(number_between(0.0, 1e6))
      ->capture_default_str();
  command.add_option("--momentum", run.momentum, "of SGD, at least 0 and below 1")
      ->type_name("M")
      ->check(number_between(0.0, 0.999999))
      ->capture_default_str();
}

// What studies of somebody's own may vary; keel's own say themselves what they train.
void add_network_options(CLI::App& command, StudyOptions& options) {
  command
      .add_option("--hidden", options.hidden,
                  "widths of the hidden layers, separated by commas [the study's]")
      ->type_name("W,W,...")
      ->delimiter(',')
      ->check(whole_number(1, 1'000'000));
  command.add_option("--optimizer", options.optimizer, "sgd or adam [the study's]")
      ->type_name("NAME")
      ->check(one_of({"sgd", "adam"}));
}

void add_resume_flag(CLI::App& command, bool& resume) {
  command.add_flag("--resume", resume,
                   "go on with the same command's last folder, or that of --out, where it was interrupted");
}

void add_sharing_options(CLI::App& command, CommonOptions& options) {
  command.add_flag(
      "--join", options.join,
      "share the work with all processes, on any host, that are started by the same command with --join "
      "and see the folder --out; each ends when all is done");
  command
      .add_option("--lease", options.lease,
                  "with --join: seconds after which a run is taken over from a process that shows no life")
      ->type_name("SECONDS")
      ->check(whole_number(1, 86'400))
      ->capture_default_str();
}

// What the command does, on all ranks if there are several.
template <class Run>
ExitStatus shared_by_ranks(const CLI::App& command, CommonOptions& options, const Invocation& invocation,
                           const Run& run) {
  return over_ranks(options, command.get_option("--threads")->count() > 0, invocation, run);
}

}  // namespace

void add_result_options(CLI::App& command, CommonOptions& options) {
  command
      .add_option("--limit", options.run.limit,
                  "train on the first N training images only, after the shuffle")
      ->type_name("N")
      ->check(whole_number(1, std::numeric_limits<std::int32_t>::max()));
  command.add_option("--out", options.out, "folder for results; made if it is missing [runs/COMMAND-TIME]")
      ->type_name("DIR")
      ->check(some_text());
  command.add_flag("--force", options.force, "write into a folder that is not empty");
  command.add_flag("--quiet", options.quiet, "print results only, no progress");
}

void add_length_options(CLI::App& command, RunSettings& run, std::int64_t most_epochs) {
  command.add_option("--epochs", run.epochs, "passes over the training images")
      ->type_name("N")
      ->check(whole_number(1, most_epochs))
      ->capture_default_str();
  command.add_option("--batch-size", run.batch_size, "images a step")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000))
      ->capture_default_str();
}

void add_data_option(CLI::App& command, std::string& name, std::string_view purpose) {
  command.add_option("--data", name, fmt::format("{}: {}", purpose, data_meaning))
      ->type_name("DATA")
      ->capture_default_str();
}

void add_data_option(CLI::App& command, std::vector<std::string>& names) {
  command
      .add_option(
          "--data", names,
          fmt::format(
              "images to train on: {}; given again, another set to do the same with, for verdicts side by side",
              data_meaning))
      ->type_name("DATA")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->default_str("digits");
}

void add_seed_option(CLI::App& command, std::uint64_t& seed, const std::string& meaning) {
  command.add_option("--seed", seed, meaning)->type_name("S")->check(seed_number())->capture_default_str();
}

void add_compare_command(CLI::App& app, const Invocation& invocation, ExitStatus& status) {
  auto* command = app.add_subcommand(
      "compare", "train the same network without and with batch normalization, and compare them");
  const auto options = std::make_shared<CommonOptions>();
  add_run_options(*command, *options);
  add_training_options(*command, options->run);
  add_resume_flag(*command, options->resume);
  add_sharing_options(*command, *options);
  command->callback([command, options, &invocation, &status] {
    status = shared_by_ranks(*command, *options, invocation, [&] { return compare(*options, invocation); });
  });
}

void add_batch_study_command(CLI::App& app, const Invocation& invocation, ExitStatus& status) {
  auto* command = app.add_subcommand(
      "batch-study", "train at several batch sizes, without and with batch normalization, in three views");
  const auto options = std::make_shared<BatchStudyOptions>();
  command->add_option("--batch-sizes", options->batch_sizes, "batch sizes to train with, separated by commas")
      ->type_name("N,N,...")
      ->delimiter(',')
      ->check(whole_number(2, 1'000'000))
      ->capture_default_str();
  add_run_options(*command, options->common);
  add_training_options(*command, options->common.run);
  command->get_option("--batch-size")
      ->description("images a step that the learning rate and the number of steps belong to");
  add_resume_flag(*command, options->common.resume);
  add_sharing_options(*command, options->common);
  command->callback([command, options, &invocation, &status] {
    status = shared_by_ranks(*command, options->common, invocation,
                             [&] { return run_batch_study(*options, invocation); });
  });
}

void add_study_command(CLI::App& app, const Invocation& invocation, ExitStatus& status) {
  auto* command = app.add_subcommand(
      "study", invocation.own_studies
                   ? "put a claim, or all of them, to the test and write a report"
                   : "put a claim about batch normalization, or all of them, to the test and "
                     "write a report");
  const auto options = std::make_shared<StudyOptions>();
  options->common.seeds = full_study_seeds;
  const auto names = study_names(invocation);
  command->add_option("NAME", options->name, fmt::format("{}", fmt::join(names, ", ")))
      ->required()
      ->type_name("")
      ->check(one_of(names));
  add_run_options(*command, options->common);
  command->remove_option(command->get_option("--data"));
  add_data_option(*command, options->data_sets);
  auto* seeds = command->get_option("--seeds");
  seeds->description(fmt::format("number of seeds: S, S + 1, ... ({} with --quick)", quick_study_seeds));
  command->add_flag("--quick", options->quick, "six seeds, shorter grids, fewer epochs");
  if (invocation.own_studies) add_network_options(*command, *options);
  add_resume_flag(*command, options->common.resume);
  add_sharing_options(*command, options->common);
  command->callback([command, options, seeds, &invocation, &status] {
    if (options->quick && seeds->count() == 0) options->common.seeds = quick_study_seeds;
    status = shared_by_ranks(*command, options->common, invocation,
                             [&] { return run_studies(*options, invocation); });
  });
}

}  // namespace keel::tools
