#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/commands/laboratory.hpp"
#include "keel/tools/studies/batch_study.hpp"

namespace keel::tools {
namespace {

ExitStatus run(const BatchStudyOptions& options, const Invocation& invocation) {
  auto sizes = options.batch_sizes;
  std::ranges::sort(sizes);
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  const auto& common = options.common;
  const auto study = batch_study({.batch_sizes = sizes, .base = common.run});
  Assignment assignment{.command = "batch-study",
                        .studies = {study.get()},
                        .settings = {{"command", "batch-study"},
                                     {"batch_sizes", sizes},
                                     {"data", common.data},
                                     {"seed", common.seed},
                                     {"seeds", common.seeds},
                                     {"epochs", common.run.epochs},
                                     {"batch_size", common.run.batch_size},
                                     {"learning_rate", common.run.learning_rate},
                                     {"momentum", common.run.momentum},
                                     {"limit", common.run.limit}},
                        .common = common,
                        .resume = options.resume,
                        .must_train = true};
  return carry_out(assignment, invocation);
}

}  // namespace

void add_batch_study_command(CLI::App& app, BatchStudyOptions& options, const Invocation& invocation,
                             ExitStatus& status) {
  auto* command = app.add_subcommand(
      "batch-study", "train at several batch sizes, without and with batch normalization, in three views");
  command->add_option("--batch-sizes", options.batch_sizes, "batch sizes to train with, separated by commas")
      ->type_name("N,N,...")
      ->delimiter(',')
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  add_run_options(*command, options.common);
  add_training_options(*command, options.common.run);
  command->get_option("--batch-size")
      ->description("images a step that the learning rate and the number of steps belong to");
  command->add_flag("--resume", options.resume,
                    "go on with the same command's last folder, or that of --out, where it was interrupted");
  command->callback([&options, &invocation, &status] { status = run(options, invocation); });
}

}  // namespace keel::tools
