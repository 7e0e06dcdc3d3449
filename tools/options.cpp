#include "keel/tools/options.hpp"

#include <limits>

#include "keel/runtime/threads.hpp"

namespace keel::tools {

void add_common_options(CLI::App& command, CommonOptions& options) {
  constexpr auto most = std::numeric_limits<std::int32_t>::max();
  options.threads = available_processors();
  command
      .add_option(
          "--data", options.data,
          "digits, drawn by keel itself; mnist, from the cache folder; or a folder with the four IDX files")
      ->type_name("digits|mnist|DIR")
      ->capture_default_str();
  command
      .add_option("--seed", options.seed, "first seed: of the split, the weights and the order of samples")
      ->type_name("S")
      ->capture_default_str();
  command.add_option("--seeds", options.seeds, "number of seeds: S, S + 1, ...")
      ->type_name("K")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command.add_option("--epochs", options.run.epochs, "passes over the training images")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--batch-size", options.run.batch_size, "images a step")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--learning-rate", options.run.learning_rate, "of SGD, per step")
      ->type_name("RATE")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command.add_option("--momentum", options.run.momentum, "of SGD, at least 0 and below 1")
      ->type_name("M")
      ->check(CLI::Range(0.0, 0.999999))
      ->capture_default_str();
  command
      .add_option("--limit", options.run.limit,
                  "train on the first N training images only, after the shuffle")
      ->type_name("N")
      ->check(CLI::Range(1, most));
  command
      .add_option("--threads", options.threads,
                  "runs side by side, one thread each; results never depend on it")
      ->type_name("T")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--out", options.out, "folder for results; made if it is missing [runs/COMMAND-TIME]")
      ->type_name("DIR");
  command.add_flag("--force", options.force, "write into a folder that is not empty");
  command.add_flag("--quiet", options.quiet, "print results only, no progress");
}

}  // namespace keel::tools
