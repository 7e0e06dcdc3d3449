#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "keel/tools/commands/command_line.hpp"
#include "keel/tools/commands/option_checks.hpp"
#include "keel/tools/studies/timed_start.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

ExitStatus measure_start(const TimedStart& start) {
  Json json = Json::object();
  for (const auto& [name, values] : measure_in_this_process(start)) {
    auto& array = json[name] = Json::array();
    for (const double value : values) array.push_back(number(value));
  }
  fmt::print("{}\n", json_text(json));
  return ExitStatus::done;
}

}  // namespace

void add_measure_start_command(CLI::App& app, ExitStatus& status) {
  auto* command = app.add_subcommand(
      "measure-start",
      "measure times in this start of the program, for a study that starts it several times");
  command->group("");  // nobody needs to see it in the list
  const auto start = std::make_shared<TimedStart>();
  const auto add_number = [&](const char* name, auto& value, const char* meaning, std::int64_t most) {
    command->add_option(name, value, meaning)
        ->type_name("N")
        ->check(whole_number(1, most))
        ->capture_default_str();
  };
  const auto add_numbers = [&](const char* name, auto& values, const char* meaning, std::int64_t most) {
    command->add_option(name, values, meaning)
        ->type_name("N,N,...")
        ->delimiter(',')
        ->expected(1, 100)
        ->check(whole_number(1, most))
        ->capture_default_str();
  };
  command->add_option("--what", start->what, "calls of a trained network, or training steps")
      ->type_name("WHAT")
      ->check(one_of({"inference", "training"}))
      ->capture_default_str();
  add_number("--inputs", start->inputs, "pixels of an image", 1'000'000);
  add_numbers("--hidden", start->hidden, "widths of the hidden layers", 10'000);
  add_number("--classes", start->classes, "classes", 256);
  add_numbers("--batch-sizes", start->batch_sizes, "images a batch: from 2 on in training", 10'000);
  add_number("--rounds", start->rounds, "rounds of measurements", 1'000);
  add_seed_option(*command, start->seed, "what weights and images are drawn from");
  command->callback([start, &status] { status = measure_start(*start); });
}

}  // namespace keel::tools
