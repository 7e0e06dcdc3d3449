#include <fmt/format.h>

#include "keel/tools/commands/laboratory.hpp"

namespace keel::tools {
namespace {

constexpr int full_seeds = 10;
constexpr int quick_seeds = 3;

std::vector<std::string> study_names() {
  std::vector<std::string> names;
  for (const auto& study : studies()) names.push_back(study->name());
  names.emplace_back("all");
  return names;
}

Assignment assignment_of(const StudyOptions& options, bool seeds_given) {
  Assignment assignment{.command = "study-" + options.name,
                        .common = options.common,
                        .quick = options.quick,
                        .resume = options.resume};
  if (!seeds_given) assignment.common.seeds = options.quick ? quick_seeds : full_seeds;
  for (const auto& study : studies())
    if (options.name == "all" || options.name == study->name()) assignment.studies.push_back(study.get());
  const auto& common = assignment.common;
  assignment.settings = {{"command", "study"},       {"study", options.name}, {"data", common.data},
                         {"seed", common.seed},      {"seeds", common.seeds}, {"quick", options.quick},
                         {"limit", common.run.limit}};
  return assignment;
}

}  // namespace

void add_study_command(CLI::App& app, StudyOptions& options, const Invocation& invocation,
                       ExitStatus& status) {
  options.common.seeds = full_seeds;
  auto* command = app.add_subcommand(
      "study", "put a claim about batch normalization, or all of them, to the test and write a report");
  const auto names = study_names();
  command->add_option("NAME", options.name, fmt::format("{}", fmt::join(names, ", ")))
      ->required()
      ->type_name("")
      ->check([names](const std::string& name) -> std::string {
        if (std::ranges::find(names, name) != names.end()) return "";
        return fmt::format("there is no study '{}', only {}", name, fmt::join(names, ", "));
      });
  add_run_options(*command, options.common);
  auto* seeds = command->get_option("--seeds");
  seeds->description(fmt::format("number of seeds: S, S + 1, ... ({} with --quick)", quick_seeds));
  command->add_flag("--quick", options.quick, "three seeds, shorter grids, fewer epochs");
  command->add_flag("--resume", options.resume,
                    "go on with the same command's last folder, or that of --out, where it was interrupted");
  command->callback([&options, &invocation, &status, seeds] {
    status = carry_out(assignment_of(options, seeds->count() > 0), invocation);
  });
}

}  // namespace keel::tools
