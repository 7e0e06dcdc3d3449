#include "keel/tools/commands/laboratory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/runtime/onednn.hpp"
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

namespace keel::tools {
namespace {

void require_trainable(const DataSet& data) {
  if (data.train.size() >= 10) return;
  throw DataError{
      fmt::format("'{}' has {} training images; a study needs 10 or more to split some off for "
                  "validation",
                  data.name, data.train.size())};
}

// What every run's numbers depend on besides its settings.
Json provenance_of(const DataSet& data) {
  return {{"data", data.digest},
          {"keel", keel_version()},
          {"onednn", onednn::version()},
          {"instruction_set", onednn::instruction_set()}};
}

ExitStatus say_interrupted(const Workspace& workspace, std::size_t finished, std::size_t all) {
  fmt::print(stderr,
             "keel: interrupted; {} of {} runs were finished and are kept: the same command with --out '{}' "
             "--resume goes on\n",
             finished, all, workspace.path().string());
  return ExitStatus::interrupted;
}

void print_words(const Table& table) {
  fmt::print("\n  {}\n", table.title);
  for (const auto& row : table.rows)
    fmt::print("  {}\n    {}\n", row.front(), fmt::join(row.begin() + 1, row.end(), "; "));
}

// Columns as wide as their widest cell; all but the first to the right.
void print_table(const Table& table) {
  if (table.words) return print_words(table);
  std::vector<std::size_t> widths;
  for (const auto& name : table.header) widths.push_back(character_count(name));
  for (const auto& row : table.rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], character_count(row[i]));
  const auto print_row = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - character_count(row[i]), ' ');
      line += i == 0 ? row[i] + space : "  " + space + row[i];
    }
    fmt::print("  {}\n", line);
  };
  fmt::print("\n  {}\n", table.title);
  print_row(table.header);
  for (const auto& row : table.rows) print_row(row);
}

// Why a verdict may be "not shown", and a p value large, though the effect is.
void print_how_sure(std::span<const Judgement> judgements, int seeds) {
  if (seeds == 1)
    return fmt::print("One seed has no interval, so that nothing is shown: --seeds 10 takes ten.\n");
  std::size_t findings = 0;
  for (const auto& judgement : judgements) findings += judgement.findings.size();
  fmt::print(
      "Verdicts rest on the 95 % intervals. The sign-flip test's p is {:.2g} or more with {} seeds, before "
      "it is "
      "corrected by Holm's method for {} finding{}.\n",
      std::ldexp(2.0, -seeds), seeds, findings, findings == 1 ? "" : "s");
}

void print_verdicts(std::span<const Judgement> judgements, std::span<const RunResult> runs,
                    const DataSet& data, const SplitSizes& sizes, int seeds) {
  fmt::print("{}: {} training, {} validation and {} test images of {} x {}, {} classes; {} seed{}\n",
             data.name, sizes.training, sizes.validation, data.test.size(), data.train.height,
             data.train.width, data.classes, seeds, seeds == 1 ? "" : "s");
  print_how_sure(judgements, seeds);
  for (const auto& judgement : judgements) {
    fmt::print("\n{}: {}\n", judgement.study->name(), judgement.study->claim());
    for (const auto& finding : judgement.findings) {
      const auto text = effect_text(finding);
      fmt::print("  {:<12}  {}\n", name_of(finding.verdict), finding.endpoint.claim);
      fmt::print("  {:<12}    {}: {}{}{}\n", "", finding.endpoint.name, text.mean,
                 text.interval.empty() ? "" : " " + text.interval,
                 finding.effect.p ? fmt::format(", p (Holm) = {}", p_text(finding.effect.p)) : "");
      if (!finding.note.empty()) fmt::print("  {:<12}    {}\n", "", finding.note);
    }
    for (const auto& table : judgement.study->tables(runs_of(runs, *judgement.study))) print_table(table);
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
    fmt::print("\n{} of {} runs diverged and count as the studies say\n", diverged, runs.size());
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
                       .resume = assignment.resume}};
  const RunStore store{workspace.path(), provenance_of(data), assignment.resume};
  const StudyScale scale{data, common.seed, common.seeds, assignment.quick, common.run.limit};
  std::vector<Job> jobs;
  for (const auto* study : assignment.studies)
    for (auto& job : study->jobs(scale)) jobs.push_back(std::move(job));
  const auto runs = run_all(jobs, data, {.threads = common.threads, .quiet = common.quiet, .store = &store},
                            invocation.interrupt.token());
  if (const auto all = count_runs(jobs); runs.size() < all)
    return say_interrupted(workspace, runs.size(), all);

  const auto judgements = judge_all(assignment.studies, runs);
  const auto sizes = split_sizes(data.train.size(), common.run.limit);
  auto results = results_json(record, data, sizes, runs, summary_json(judgements, runs));
  results.update(studies_json(judgements));
  const auto path = workspace.write("results.json", results.dump() + "\n");
  workspace.write("runs.csv", runs_csv(runs));
  workspace.write("epochs.csv", epochs_csv(runs));
  workspace.write("measures.csv", measures_csv(runs));
  print_verdicts(judgements, runs, data, sizes, common.seeds);
  const auto status = report_troubles(runs, assignment.must_train);
  fmt::print("\nresults: {}\n", path.string());
  write_report(workspace.path(), results, find_study);
  fmt::print("report: {}\n", (workspace.path() / "report.html").string());
  return status;
}

}  // namespace keel::tools
