#include "keel/tools/run_queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "keel/tools/progress.hpp"
#include "keel/tools/worker_pool.hpp"

namespace keel::tools {
namespace {

std::optional<RunResult> run_one(const Job& job, const RunContext& context) {
  try {
    return job.run(job.settings, context);
  } catch (const std::exception& error) {
    RunResult failed;
    failed.settings = job.settings;
    failed.error = error.what();
    return failed;
  }
}

void require_different(std::span<const Job> jobs) {
  std::set<std::string> seen;
  for (const auto& job : jobs) {
    if (!seen.insert(describe(job.settings)).second)
      throw Error{fmt::format("two runs are both '{}'", describe(job.settings))};
  }
}

}  // namespace

std::vector<RunResult> run_all(std::span<const Job> jobs, const DataSet& data, const QueueOptions& options,
                               const std::stop_token& stop) {
  require_different(jobs);
  std::vector<std::optional<RunResult>> results(jobs.size());
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (options.store != nullptr) results[i] = options.store->find(jobs[i].settings);
    if (!results[i]) missing.push_back(i);
  }
  std::ranges::stable_sort(missing, [&](std::size_t a, std::size_t b) {
    return jobs[a].alone != jobs[b].alone ? jobs[b].alone : jobs[a].cost > jobs[b].cost;
  });

  double cost = 0.0;
  for (const auto index : missing) cost += jobs[index].cost;
  Progress progress{missing.size(), cost, options.quiet};
  std::vector<std::function<void()>> together;
  std::vector<std::function<void()>> alone;
  for (const auto index : missing) {
    (jobs[index].alone ? alone : together).emplace_back([&, index] {
      const auto& job = jobs[index];
      progress.run_begun(job.settings);
      results[index] = run_one(job, {data, stop, [&](const EpochResult& epoch) {
                                       progress.epoch_done(job.settings, epoch,
                                                           job.cost / std::max(job.settings.epochs, 1));
                                     }});
      if (!results[index]) return;
      if (options.store != nullptr) options.store->save(*results[index]);
      progress.run_done(*results[index], job.cost);
    });
  }
  run_jobs(together, options.threads, stop);
  run_jobs(alone, 1, stop);

  std::vector<RunResult> finished;
  for (auto& result : results)
    if (result) finished.push_back(std::move(*result));
  return finished;
}

}  // namespace keel::tools
