#include "keel/tools/commands/carry_out.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/commands/interrupted.hpp"
#include "keel/tools/commands/joined.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/report/report.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/csv.hpp"
#include "keel/tools/runs/expected_time.hpp"
#include "keel/tools/runs/judgement.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/runs/run_queue.hpp"
#include "keel/tools/runs/workspace.hpp"
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
  const auto few = static_cast<int>(fewest_seeds_for_a_verdict);
  if (seeds < few) {
    return fmt::format(
        "With {} seed{} nothing can be shown: the sign-flip test's p can't be below {:.2g}. A verdict needs {}, by "
        "--seeds {}.",
        seeds, seeds == 1 ? "" : "s", std::ldexp(2.0, -seeds), few, few);
  }
  const auto studies = judgements.size();
  const double least_p = std::min(1.0, std::ldexp(2.0, -seeds) * static_cast<double>(studies));
  const char* too_few = least_p > 0.05
                            ? ", so that nothing can be supported or contradicted: take more, or a study "
                              "by itself"
                            : "";
  return fmt::format(
      "Verdicts rest on 95 % intervals, corrected by Bonferroni's method, and sign-flip p values, by Holm's: of a "
      "study's first finding for the {} stud{} of this command, of the others among themselves. With {} seeds a "
      "corrected p of a first finding is {:.2g} or more{}.",
      studies, studies == 1 ? "y" : "ies", seeds, least_p, too_few);
}

void print_finding(const Finding& finding, std::size_t width) {
  constexpr std::size_t margin = 16;
  const std::string indent(margin, ' ');
  const auto text = effect_text(finding);
  const auto effect = fmt::format(
      "{}: {}{}{}", finding.endpoint.name, text.mean, text.interval.empty() ? "" : " " + text.interval,
      finding.effect.p_holm ? fmt::format(", p (Holm) = {}", p_text(finding.effect.p_holm)) : "");
  fmt::print("  {:<12}  {}\n", name_of(finding.verdict),
             wrapped(finding.endpoint.claim, width, indent, margin));
  fmt::print("{}  {}\n", indent, wrapped(effect, width, indent + "  ", margin + 2));
  if (!finding.withheld.empty())
    fmt::print("{}  {}\n", indent,
               wrapped("verdict withheld: " + finding.withheld, width, indent + "  ", margin + 2));
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

ExitStatus report_troubles(std::span<const RunResult> runs, bool must_train) {
  const auto count = [&](auto is) { return static_cast<std::size_t>(std::ranges::count_if(runs, is)); };
  const auto diverged = count([](const RunResult& run) { return run.diverged; });
  const auto unlearned = count([](const RunResult& run) { return !run.not_learned.empty(); });
  const auto failed = count([](const RunResult& run) { return !run.error.empty(); });
  if (diverged + unlearned > 0)
    fmt::print("\n{}\n",
               wrapped(fmt::format("Of {} runs {} diverged and {} learned nothing; they count as the "
                                   "studies say",
                                   runs.size(), diverged, unlearned),
                       terminal_width(STDOUT_FILENO)));
  if (must_train && diverged + unlearned == runs.size()) {
    const auto& first = runs.front();
    fmt::print(stderr, "keel: all {} runs diverged or learned nothing, the first ({}) since {}\n",
               runs.size(), describe(first.settings), first.diverged ? first.divergence : first.not_learned);
    return ExitStatus::failed;
  }
  if (failed == 0) return ExitStatus::done;
  const auto first = std::ranges::find_if(runs, [](const RunResult& run) { return !run.error.empty(); });
  fmt::print(stderr, "keel: {} of {} runs failed, the first ({}) since {}\n", failed, runs.size(),
             describe(first->settings), first->error);
  return ExitStatus::failed;
}

struct FinishedRuns {
  std::vector<RunResult> runs;
  std::size_t missing = 0;  // since a stop was requested
};

// Nothing is said of what takes no time to speak of.
void say_what_it_takes(const Assignment& assignment, const StudyScale& scale, const std::stop_token& stop) {
  const auto& common = assignment.common;
  const int threads = common.ranks.sum(common.threads, "threads");
  if (common.quiet || !common.ranks.first()) return;
  std::vector<Job> jobs;
  for (const auto* study : assignment.studies)
    std::ranges::move(expected_jobs(*study, scale), std::back_inserter(jobs));
  const double seconds = expected_seconds(jobs, threads, machine_factor(scale.data, common.threads, stop));
  fmt::print(stderr, "keel: {} runs on {} thread{}{}, about {}{}\n", count_runs(jobs), threads,
             threads == 1 ? "" : "s",
             common.ranks.several() ? fmt::format(" of {} ranks", common.ranks.count()) : "",
             seconds_text(std::max(1.0, seconds), " "),
             common.join     ? " less what is done or done by others"
             : common.resume ? " less what is done"
                             : "");
}

// First what learning rates are chosen by, then what is judged at these.
FinishedRuns run_both_stages(const Assignment& assignment, StudyScale scale, const RunStore& store,
                             LeaseBook* leases, const std::stop_token& stop) {
  const auto& common = assignment.common;
  QueueOptions options{.threads = common.threads,
                       .quiet = common.quiet || !common.ranks.first(),
                       .what = "runs that choose rates",
                       .store = &store,
                       .leases = leases};
  std::vector<Job> jobs;
  for (const auto* study : assignment.studies)
    std::ranges::move(study->tuning_jobs(scale), std::back_inserter(jobs));
  const auto tuning = run_all(jobs, scale.data, options, stop);
  if (tuning.size() < count_runs(jobs)) {
    std::size_t all = 0;
    for (const auto* study : assignment.studies) all += count_runs(expected_jobs(*study, scale));
    return {tuning, all - tuning.size()};
  }

  jobs.clear();
  options.what = "runs";
  for (const auto* study : assignment.studies) {
    const auto own =
        runs_of(tuning, [&](const RunResult& run) { return run.settings.study == study->name(); });
    scale.tuning = own;
    std::ranges::move(study->jobs(scale), std::back_inserter(jobs));
  }
  auto runs = run_all(jobs, scale.data, options, stop);
  const auto missing = count_runs(jobs) - runs.size();
  runs.insert(runs.begin(), tuning.begin(), tuning.end());
  return {std::move(runs), missing};
}

}  // namespace

ExitStatus carry_out(const Assignment& assignment, const Invocation& invocation) {
  const auto& common = assignment.common;
  CommandRecord record{.arguments = invocation.arguments, .threads = common.threads};
  const DataSet data = common.ranks.each([&] {
    require_sensible_sharing(common);
    auto loaded = load_data_set(common.data);
    require_trainable(loaded);
    return loaded;
  });
  const auto shared = open_runs(common, assignment.command, assignment.settings, provenance_of(data));
  const StudyScale scale{.data = data,
                         .first_seed = common.seed,
                         .seeds = common.seeds,
                         .quick = assignment.quick,
                         .limit = common.run.limit,
                         .hidden = assignment.hidden,
                         .optimizer = assignment.optimizer};
  say_what_it_takes(assignment, scale, invocation.interrupt.token());
  const auto [runs, missing] =
      run_both_stages(assignment, scale, shared.store, shared.leases.get(), invocation.interrupt.token());
  if (!common.ranks.first()) return missing > 0 ? ExitStatus::interrupted : ExitStatus::done;
  auto& workspace = *shared.workspace;
  if (missing > 0) return end_interrupted(workspace, runs.size(), runs.size() + missing, common.join);

  const auto judgements = judge_all(assignment.studies, runs);
  const auto sizes = split_sizes(data.train.size(), common.run.limit);
  auto results = results_json(record, data, sizes, runs, summary_json(judgements, runs));
  results.update(studies_json(judgements));
  const auto path = workspace.write("results.json", json_text(results) + "\n");
  workspace.write("runs.csv", runs_csv(runs));
  workspace.write("epochs.csv", epochs_csv(runs));
  workspace.write("measures.csv", measures_csv(runs));
  write_report(workspace.path(), results,
               [&](std::string_view name) { return known_study(invocation, name); });
  print_verdicts(judgements, runs, data, sizes, common.seeds);
  if (shared.leases) shared.leases->clear();
  const auto status = report_troubles(runs, assignment.must_train);
  fmt::print("\nresults: {}\n", path.string());
  fmt::print("report: {}\n", (workspace.path() / "report.html").string());
  return status;
}

}  // namespace keel::tools
