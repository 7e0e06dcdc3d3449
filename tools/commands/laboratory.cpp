#include "keel/tools/commands/laboratory.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/commands/interrupted.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/report/report.hpp"
#include "keel/tools/runs/csv.hpp"
#include "keel/tools/runs/judgement.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/runs/run_queue.hpp"
#include "keel/tools/runs/workspace.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/system/terminal.hpp"

namespace keel::tools {
namespace {

void require_trainable(const DataSet& data) {
  if (data.train.size() >= 10) return;
  throw DataError{
      fmt::format("'{}' has {} training images; a study needs 10 or more to split some off for "
                  "validation",
                  data.name, data.train.size())};
}

void print_table(const Table& table, std::size_t width) {
  fmt::print("\n  {}\n", wrapped(table.title, width, "  ", 2));
  if (!table.words) return fmt::print("{}", table_text(table.header, table.rows, width, "  "));
  for (const auto& row : table.rows) {
    const auto rest = fmt::format("{}", fmt::join(row.begin() + 1, row.end(), "; "));
    fmt::print("  {}\n    {}\n", wrapped(row.front(), width, "  ", 2), wrapped(rest, width, "    ", 4));
  }
}

// Why a verdict may be "not shown", and a p value large, though the effect is.
std::string how_sure(std::span<const Judgement> judgements, int seeds) {
  if (seeds == 1) return "One seed has no interval, so that nothing is shown: --seeds 10 takes ten.";
  std::size_t findings = 0;
  for (const auto& judgement : judgements) findings += judgement.findings.size();
  return fmt::format(
      "Verdicts rest on the 95 % intervals. The sign-flip test's p is {:.2g} or more with {} seeds, before it is "
      "corrected by Holm's method for {} finding{}.",
      std::ldexp(2.0, -seeds), seeds, findings, findings == 1 ? "" : "s");
}

void print_finding(const Finding& finding, std::size_t width) {
  constexpr std::size_t margin = 16;
  const std::string indent(margin, ' ');
  const auto text = effect_text(finding);
  const auto effect = fmt::format(
      "{}: {}{}{}", finding.endpoint.name, text.mean, text.interval.empty() ? "" : " " + text.interval,
      finding.effect.p ? fmt::format(", p (Holm) = {}", p_text(finding.effect.p)) : "");
  fmt::print("  {:<12}  {}\n", name_of(finding.verdict),
             wrapped(finding.endpoint.claim, width, indent, margin));
  fmt::print("{}  {}\n", indent, wrapped(effect, width, indent + "  ", margin + 2));
  if (!finding.note.empty())
    fmt::print("{}  {}\n", indent, wrapped(finding.note, width, indent + "  ", margin + 2));
}

void print_verdicts(std::span<const Judgement> judgements, std::span<const RunResult> runs,
                    const DataSet& data, const SplitSizes& sizes, int seeds) {
  const auto width = terminal_width(STDOUT_FILENO);
  const auto what =
      fmt::format("{}: {} training, {} validation and {} test images of {} x {}, {} classes; {} seed{}",
                  data.name, sizes.training, sizes.validation, data.test.size(), data.train.height,
                  data.train.width, data.classes, seeds, seeds == 1 ? "" : "s");
  fmt::print("{}\n{}\n", wrapped(what, width, "  "), wrapped(how_sure(judgements, seeds), width));
  for (const auto& judgement : judgements) {
    const auto claim = fmt::format("{}: {}", judgement.study->name(), judgement.study->claim());
    fmt::print("\n{}\n", wrapped(claim, width, "  "));
    for (const auto& finding : judgement.findings) print_finding(finding, width);
    for (const auto& table : judgement.study->tables(runs_of(runs, *judgement.study)))
      print_table(table, width);
  }
}

std::size_t count_ill(std::span<const RunResult> runs, bool errors) {
  return static_cast<std::size_t>(std::ranges::count_if(
      runs, [&](const RunResult& run) { return errors ? !run.error.empty() : run.diverged; }));
}

ExitStatus report_troubles(std::span<const RunResult> runs, bool must_train) {
  const auto diverged = count_ill(runs, false);
  const auto failed = count_ill(runs, true);
  if (diverged > 0)
    fmt::print("\n{}\n", wrapped(fmt::format("{} of {} runs diverged and count as the studies say", diverged,
                                             runs.size()),
                                 terminal_width(STDOUT_FILENO)));
  if (must_train && diverged == runs.size()) {
    fmt::print(stderr, "keel: all {} runs diverged, the first ({}) since {}\n", runs.size(),
               describe(runs.front().settings), runs.front().divergence);
    return ExitStatus::failed;
  }
  if (failed == 0) return ExitStatus::done;
  const auto first = std::ranges::find_if(runs, [](const RunResult& run) { return !run.error.empty(); });
  fmt::print(stderr, "keel: {} of {} runs failed, the first ({}) since {}\n", failed, runs.size(),
             describe(first->settings), first->error);
  return ExitStatus::failed;
}

}  // namespace

ExitStatus carry_out(const Assignment& assignment, const Invocation& invocation) {
  const auto& common = assignment.common;
  CommandRecord record{.arguments = invocation.arguments, .threads = common.threads};
  const DataSet data = load_data_set(common.data);
  require_trainable(data);
  Workspace workspace{{.command = assignment.command,
                       .settings = assignment.settings,
                       .out = common.out,
                       .force = common.force,
                       .resume = common.resume}};
  const RunStore store{workspace.path(), provenance_of(data), common.resume};
  const StudyScale scale{data, common.seed, common.seeds, assignment.quick, common.run.limit};
  std::vector<Job> jobs;
  for (const auto* study : assignment.studies)
    for (auto& job : study->jobs(scale)) jobs.push_back(std::move(job));
  const auto runs = run_all(jobs, data, {.threads = common.threads, .quiet = common.quiet, .store = &store},
                            invocation.interrupt.token());
  if (const auto all = count_runs(jobs); runs.size() < all)
    return end_interrupted(workspace, runs.size(), all);

  const auto judgements = judge_all(assignment.studies, runs);
  const auto sizes = split_sizes(data.train.size(), common.run.limit);
  auto results = results_json(record, data, sizes, runs, summary_json(judgements, runs));
  results.update(studies_json(judgements));
  const auto path = workspace.write("results.json", json_text(results) + "\n");
  workspace.write("runs.csv", runs_csv(runs));
  workspace.write("epochs.csv", epochs_csv(runs));
  workspace.write("measures.csv", measures_csv(runs));
  write_report(workspace.path(), results, find_study);
  print_verdicts(judgements, runs, data, sizes, common.seeds);
  const auto status = report_troubles(runs, assignment.must_train);
  fmt::print("\nresults: {}\n", path.string());
  fmt::print("report: {}\n", (workspace.path() / "report.html").string());
  return status;
}

}  // namespace keel::tools
