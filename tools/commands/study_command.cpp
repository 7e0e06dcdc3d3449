#include "keel/tools/commands/study_command.hpp"

#include "keel/tools/commands/laboratory.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::tools {
namespace {

Assignment assignment_of(const StudyOptions& options) {
  Assignment assignment{.command = "study-" + options.name, .common = options.common, .quick = options.quick};
  for (const auto& study : studies())
    if (options.name == "all" || options.name == study->name()) assignment.studies.push_back(study.get());
  const auto& common = assignment.common;
  assignment.settings = {{"command", "study"},       {"study", options.name}, {"data", common.data},
                         {"seed", common.seed},      {"seeds", common.seeds}, {"quick", options.quick},
                         {"limit", common.run.limit}};
  return assignment;
}

}  // namespace

std::vector<std::string> study_names() {
  std::vector<std::string> names;
  for (const auto& study : studies()) names.push_back(study->name());
  names.emplace_back("all");
  return names;
}

ExitStatus run_studies(const StudyOptions& options, const Invocation& invocation) {
  return carry_out(assignment_of(options), invocation);
}

}  // namespace keel::tools
