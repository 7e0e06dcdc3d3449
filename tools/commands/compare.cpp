#include "keel/tools/commands/compare.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/tools/commands/compare_table.hpp"
#include "keel/tools/commands/interrupted.hpp"
#include "keel/tools/commands/joined.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/runs/run_queue.hpp"
#include "keel/tools/runs/workspace.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/training/training_run.hpp"

namespace keel::tools {
namespace {

// Both arms of a seed stand side by side, so that an interrupted command has whole pairs.
std::vector<Job> jobs_of(const CommonOptions& options) {
  std::vector<Job> jobs;
  for (int i = 0; i < options.seeds; ++i) {
    for (const char* model : {"plain", "bn"}) {
      RunSettings run = options.run;
      run.model = model;
      run.seed = options.seed + static_cast<std::uint64_t>(i);
      jobs.push_back({.settings = run, .run = train});
    }
  }
  return jobs;
}

void require_trainable(const CommonOptions& options, const DataSet& data) {
  if (data.train.size() < 5) {
    throw DataError{
        fmt::format("'{}' has {} training images; at least 5 are needed to split some off for validation",
                    data.name, data.train.size())};
  }
  if (options.run.batch_size == 1) {
    throw UsageError{
        "batch normalization can't train on batches of one, which have no variance; choose a "
        "--batch-size of 2 or more"};
  }
  const auto count = split_sizes(data.train.size(), options.run.limit).training;
  if (leaves_a_last_one(count, options.run.batch_size)) {
    throw UsageError{
        fmt::format("{} training images in batches of {} leave a last batch of one, on which batch "
                    "normalization can't train; "
                    "choose another --batch-size or --limit",
                    count, options.run.batch_size)};
  }
}

Json summary_json(std::span<const SeedPair> pairs) {
  Json json = Json::object();
  for (const auto& measure : compared_measures()) {
    const auto plain = values(pairs, &SeedPair::plain, measure);
    const auto bn = values(pairs, &SeedPair::bn, measure);
    if (plain.empty()) continue;
    json[measure.key] = {{"plain", to_json(summarize(plain))},
                         {"bn", to_json(summarize(bn))},
                         {"difference", to_json(paired_difference(plain, bn))}};
  }
  return json;
}

// What to do about a run that came to nothing: that ends far above guessing has taken steps that are too large.
std::string remedy(const RunResult& run, int classes) {
  if (run.diverged) return fmt::format("diverged: {}; try a lower --learning-rate", run.divergence);
  const bool is_far = run.epochs.empty() || !(run.epochs.back().train_loss < 1.5 * std::log(classes));
  return fmt::format(
      "has not learned anything{}: {}; try {}", is_far ? "" : " yet", run.not_learned,
      is_far ? "a lower --learning-rate" : "more --epochs, more images or another --learning-rate");
}

ExitStatus report_runs(std::span<const RunResult> finished, int classes) {
  ExitStatus status = ExitStatus::done;
  for (const auto& run : finished) {
    const auto name = fmt::format("the {} run with seed {}", run.settings.model, run.settings.seed);
    if (!run.error.empty()) throw Error{fmt::format("{} failed: {}", name, run.error)};
    if (has_learned(run)) continue;
    fmt::print(stderr, "keel: {} {}\n", name, remedy(run, classes));
    status = ExitStatus::failed;
  }
  return status;
}

Json compare_settings(const CommonOptions& options) {
  return {{"command", "compare"},
          {"data", options.data},
          {"seed", options.seed},
          {"seeds", options.seeds},
          {"epochs", options.run.epochs},
          {"batch_size", options.run.batch_size},
          {"learning_rate", options.run.learning_rate},
          {"momentum", options.run.momentum},
          {"limit", options.run.limit}};
}

}  // namespace

ExitStatus compare(const CommonOptions& options, const Invocation& invocation) {
  CommandRecord record{.arguments = invocation.arguments, .threads = options.threads};
  const auto stop = invocation.interrupt.token();
  const DataSet data = options.ranks.each([&] {
    require_sensible_sharing(options);
    auto loaded = load_data_set(options.data);
    require_trainable(options, loaded);
    return loaded;
  });
  const auto shared = open_runs(options, "compare", compare_settings(options), provenance_of(data));
  const auto jobs = jobs_of(options);
  const auto finished = run_all(jobs, data,
                                {.threads = options.threads,
                                 .quiet = options.quiet || !options.ranks.first(),
                                 .store = &shared.store,
                                 .leases = shared.leases.get()},
                                stop);
  if (!options.ranks.first())
    return finished.size() < jobs.size() ? ExitStatus::interrupted : ExitStatus::done;
  auto& workspace = *shared.workspace;
  if (!finished.empty()) {
    const auto pairs = pair_by_seed(finished);
    const auto sizes = split_sizes(data.train.size(), options.run.limit);
    const auto results = results_json(record, data, sizes, finished, summary_json(pairs));
    const auto path = workspace.write("results.json", json_text(results, 1) + "\n");
    print_comparison(pairs, data, options);
    fmt::print("\nresults: {}\n", path.string());
  }
  const auto status = report_runs(finished, data.classes);
  if (finished.size() < jobs.size())
    return end_interrupted(workspace, finished.size(), jobs.size(), options.join);
  if (shared.leases) shared.leases->clear();
  return status;
}

}  // namespace keel::tools
