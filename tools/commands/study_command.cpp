#include "keel/tools/commands/study_command.hpp"

#include "keel/tools/commands/carry_out.hpp"

namespace keel::tools {
namespace {

Assignment assignment_of(const StudyOptions& options, const Invocation& invocation) {
  Assignment assignment{.command = "study-" + options.name,
                        .common = options.common,
                        .quick = options.quick,
                        .hidden = options.hidden,
                        .optimizer = options.optimizer};
  for (const auto& study : invocation.studies)
    if (options.name == "all" || options.name == study->name()) assignment.studies.push_back(study.get());
  const auto& common = assignment.common;
  assignment.settings = {{"command", "study"},       {"study", options.name}, {"data", common.data},
                         {"seed", common.seed},      {"seeds", common.seeds}, {"quick", options.quick},
                         {"limit", common.run.limit}};
  if (!options.hidden.empty()) assignment.settings["hidden"] = options.hidden;
  if (!options.optimizer.empty()) assignment.settings["optimizer"] = options.optimizer;
  return assignment;
}

}  // namespace

std::vector<std::string> study_names(const Invocation& invocation) {
  std::vector<std::string> names;
  for (const auto& study : invocation.studies) names.push_back(study->name());
  names.emplace_back("all");
  return names;
}

ExitStatus run_studies(const StudyOptions& options, const Invocation& invocation) {
  return carry_out(assignment_of(options, invocation), invocation);
}

}  // namespace keel::tools
