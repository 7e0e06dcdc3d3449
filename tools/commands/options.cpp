#include "keel/tools/commands/options.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "keel/runtime/threads.hpp"

namespace keel::tools {
namespace {

// CLI11's own conversions let numbers that don't fit and NaN pass.
CLI::Validator seed_number() {
  return {[](const std::string& text) -> std::string {
            std::uint64_t seed = 0;
            const auto* end = text.data() + text.size();
            const auto [stop, error] = std::from_chars(text.data(), end, seed);
            if (error == std::errc{} && stop == end) return "";
            return "a seed is a whole number from 0 to 18446744073709551615, not '" + text + "'";
          },
          ""};
}

}  // namespace

CLI::Validator number_between(double low, double high) {
  return {[=](const std::string& text) -> std::string {
            double value = std::nan("");
            if (CLI::detail::lexical_cast(text, value) && value >= low && value <= high) return "";
            return fmt::format("it must be a number from {} to {}, not '{}'", low, high, text);
          },
          ""};
}

void add_data_option(CLI::App& command, std::string& name) {
  command
      .add_option(
          "--data", name,
          "digits, drawn by keel itself; mnist, from the cache folder; or a folder with the four IDX files")
      ->type_name("digits|mnist|DIR")
      ->capture_default_str();
}

void add_seed_option(CLI::App& command, std::uint64_t& seed, const std::string& meaning) {
  command.add_option("--seed", seed, meaning)->type_name("S")->check(seed_number())->capture_default_str();
}

void add_run_options(CLI::App& command, CommonOptions& options) {
  constexpr auto most = std::numeric_limits<std::int32_t>::max();
  options.threads = available_processors();
  add_data_option(command, options.data);
  add_seed_option(command, options.seed, "first seed: of the split, the weights and the order of samples");
  command.add_option("--seeds", options.seeds, "number of seeds: S, S + 1, ...")
      ->type_name("K")
      ->check(CLI::Range(1, 100'000))
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

void add_training_options(CLI::App& command, RunSettings& run) {
  command.add_option("--epochs", run.epochs, "passes over the training images")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--batch-size", run.batch_size, "images a step")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--learning-rate", run.learning_rate, "of SGD, per step")
      ->type_name("RATE")
      ->check(number_between(0.0, 1e6))
      ->capture_default_str();
  command.add_option("--momentum", run.momentum, "of SGD, at least 0 and below 1")
      ->type_name("M")
      ->check(number_between(0.0, 0.999999))
      ->capture_default_str();
}

}  // namespace keel::tools
