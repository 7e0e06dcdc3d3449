#include "keel/tools/commands/study_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "keel/tools/commands/carry_out.hpp"
#include "keel/tools/commands/joined.hpp"
#include "keel/tools/report/report.hpp"
#include "keel/tools/report/side_by_side.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/terminal.hpp"

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

// "mnist", "fashion": the last name of a path, and no other set's.
std::vector<std::string> folders_of(const std::vector<std::string>& data_sets) {
  std::vector<std::string> folders;
  for (const auto& data : data_sets) {
    auto path = std::filesystem::path{data}.lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    auto name = path.filename().string();
    if (name.empty() || name == "." || name == "..") name = "data";
    const auto same = std::ranges::count(folders, name);
    folders.push_back(same == 0 ? name : fmt::format("{}-{}", name, folders.size() + 1));
  }
  return folders;
}

void show_side_by_side(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  std::vector<DataSetVerdicts> sets;
  for (const auto& name : names) sets.push_back(verdicts_in(read_results(folder / name), name));
  const auto table = side_by_side_table(sets);
  const auto width = terminal_width(STDOUT_FILENO);
  fmt::print("\n{}\n{}", table.title, table_text(table.header, table.rows, width, "  "));
  write_file(folder / "report.html", side_by_side_page(sets));
  fmt::print("\nreport: {}\n", (folder / "report.html").string());
}

ExitStatus run_on_each(const StudyOptions& options, const Invocation& invocation) {
  const auto command = "study-" + options.name;
  const auto& ranks = options.common.ranks;
  ranks.each([&] {
    if (options.common.resume && options.common.out.empty())
      throw UsageError{"what is to be resumed of several data sets has to be named with --out"};
    require_sensible_sharing(options.common);
  });
  // That of rank 0 is taken by all.
  const auto folder =
      options.common.out.empty() ? default_output_folder(command) : std::filesystem::path{options.common.out};
  const auto names = folders_of(options.data_sets);
  auto status = ExitStatus::done;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto single = options;
    single.common.data = options.data_sets[i];
    single.common.out = (folder / names[i]).string();
    // One that was not begun before the end of the others is begun.
    single.common.resume =
        options.common.resume && std::filesystem::exists(folder / names[i] / "command.json");
    const auto own = carry_out(assignment_of(single, invocation), invocation);
    if (own == ExitStatus::interrupted) return own;
    if (own != ExitStatus::done) status = own;
  }
  if (ranks.first()) show_side_by_side(folder, names);
  return status;
}

}  // namespace

std::vector<std::string> study_names(const Invocation& invocation) {
  std::vector<std::string> names;
  for (const auto& study : invocation.studies) names.push_back(study->name());
  names.emplace_back("all");
  return names;
}

ExitStatus run_studies(const StudyOptions& options, const Invocation& invocation) {
  if (options.data_sets.size() > 1) return run_on_each(options, invocation);
  auto single = options;
  single.common.data = options.data_sets.front();
  return carry_out(assignment_of(single, invocation), invocation);
}

}  // namespace keel::tools
