#include "keel/tools/commands/compare.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/commands/compare_table.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/runs/run_queue.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/output_folder.hpp"
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

ExitStatus report_end(std::span<const RunResult> finished, bool interrupted, std::size_t asked) {
  ExitStatus status = ExitStatus::done;
  for (const auto& run : finished) {
    if (!run.error.empty()) throw Error{run.error};
    if (!run.diverged) continue;
    fmt::print(stderr, "keel: the {} run with seed {} diverged: {}; try a lower --learning-rate\n",
               run.settings.model, run.settings.seed, run.divergence);
    status = ExitStatus::failed;
  }
  if (!interrupted) return status;
  fmt::print(stderr, "keel: interrupted; {} of {} runs were finished and are kept\n", finished.size(), asked);
  return ExitStatus::interrupted;
}

}  // namespace

ExitStatus compare(const CommonOptions& options, const Invocation& invocation) {
  CommandRecord record{.arguments = invocation.arguments, .threads = options.threads};
  OutputFolder folder{
      options.out.empty() ? default_output_folder("compare") : std::filesystem::path{options.out},
      options.force};
  const DataSet data = load_data_set(options.data);
  require_trainable(options, data);
  const auto jobs = jobs_of(options);
  const auto finished =
      run_all(jobs, data, {.threads = options.threads, .quiet = options.quiet}, invocation.interrupt.token());
  const bool interrupted = finished.size() < jobs.size();
  if (!finished.empty()) {
    const auto pairs = pair_by_seed(finished);
    const auto sizes = split_sizes(data.train.size(), options.run.limit);
    print_comparison(pairs, data, options);
    const auto path = folder.write("results.json",
                                   results_json(record, data, sizes, finished, summary_json(pairs)).dump(1));
    fmt::print("\nresults: {}\n", path.string());
  }
  return report_end(finished, interrupted, jobs.size());
}

}  // namespace keel::tools
