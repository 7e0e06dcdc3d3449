#include "keel/tools/runs/run_queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <set>
#include <utility>

#include "keel/runtime/error.hpp"
#include "keel/tools/runs/progress.hpp"
#include "keel/tools/runs/shared_work.hpp"
#include "keel/tools/system/worker_pool.hpp"

namespace keel::tools {
namespace {

// A job's own run, then its prefixes.
using JobResults = std::vector<RunResult>;

JobResults failed(const Job& job, JobResults handed_in, const char* reason) {
  const auto failure = [&](const RunSettings& settings) {
    RunResult run;
    run.settings = settings;
    run.error = reason;
    return run;
  };
  for (std::size_t i = handed_in.size(); i < job.prefixes.size(); ++i)
    handed_in.push_back(failure(job.prefixes[i]));
  handed_in.insert(handed_in.begin(), failure(job.settings));
  return handed_in;
}

std::optional<JobResults> run_one(const Job& job, RunContext context) {
  JobResults results;
  context.hand_in = [&](RunResult prefix) { results.push_back(std::move(prefix)); };
  try {
    auto own = job.run(job.settings, context);
    if (!own) return std::nullopt;
    if (results.size() != job.prefixes.size())
      throw Error{fmt::format("'{}' handed in {} of its {} prefixes", describe(job.settings), results.size(),
                              job.prefixes.size())};
    results.insert(results.begin(), std::move(*own));
    return results;
  } catch (const std::bad_alloc&) {
    return failed(job, std::move(results), "the system gives this program no more memory");
  } catch (const std::exception& error) {
    return failed(job, std::move(results), error.what());
  }
}

std::optional<JobResults> found_in(const RunStore& store, const Job& job) {
  JobResults results;
  const auto find = [&](const RunSettings& settings) {
    auto run = store.find(settings);
    if (run) results.push_back(std::move(*run));
    return run.has_value();
  };
  if (!find(job.settings) || !std::ranges::all_of(job.prefixes, find)) return std::nullopt;
  return results;
}

void run_each(std::span<const std::size_t> pieces, const std::function<void(std::size_t)>& run, int threads,
              const std::stop_token& stop) {
  std::vector<std::function<void()>> all;
  for (const auto piece : pieces) all.emplace_back([&run, piece] { run(piece); });
  run_jobs(all, threads, stop);
}

void require_different(std::span<const Job> jobs) {
  std::set<std::string> seen;
  const auto see = [&](const RunSettings& settings) {
    if (!seen.insert(describe(settings)).second)
      throw Error{fmt::format("two runs are both '{}'", describe(settings))};
  };
  for (const auto& job : jobs) {
    see(job.settings);
    std::ranges::for_each(job.prefixes, see);
  }
}

}  // namespace

std::size_t count_runs(std::span<const Job> jobs) {
  std::size_t count = jobs.size();
  for (const auto& job : jobs) count += job.prefixes.size();
  return count;
}

std::vector<RunResult> run_all(std::span<const Job> jobs, const DataSet& data, const QueueOptions& options,
                               const std::stop_token& stop) {
  require_different(jobs);
  std::vector<std::optional<JobResults>> results(jobs.size());
  std::vector<std::size_t> missing;
  std::size_t runs = 0;
  double cost = 0.0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (options.store != nullptr) results[i] = found_in(*options.store, jobs[i]);
    if (results[i]) continue;
    missing.push_back(i);
    runs += count_runs(jobs.subspan(i, 1));
    cost += jobs[i].cost;
  }
  std::ranges::stable_sort(missing, [&](std::size_t a, std::size_t b) {
    return jobs[a].alone != jobs[b].alone ? jobs[b].alone : jobs[a].cost > jobs[b].cost;
  });

  Progress progress{runs, cost, options.quiet, options.what};
  const auto say_done = [&](std::size_t index) {
    double unsaid = jobs[index].cost;  // prefixes cost nothing more
    for (const auto& run : *results[index]) progress.run_done(run, std::exchange(unsaid, 0.0));
  };
  const auto run = [&](std::size_t index) {
    const auto& job = jobs[index];
    progress.run_begun(job.settings);
    results[index] =
        run_one(job, {data, stop, [&](const EpochResult& epoch) {
                        progress.epoch_done(job.settings, epoch, job.cost / std::max(job.settings.epochs, 1));
                      }});
    if (!results[index]) return;
    for (const auto& each : *results[index])
      if (options.store != nullptr) options.store->save(each);
    say_done(index);
  };
  const auto find = [&](std::size_t index) {
    results[index] = found_in(*options.store, jobs[index]);
    if (results[index]) say_done(index);
    return results[index].has_value();
  };

  const auto first_alone =
      std::ranges::find_if(missing, [&](std::size_t index) { return jobs[index].alone; });
  const std::span together{missing.begin(), first_alone};
  const std::span alone{first_alone, missing.end()};
  if (options.leases != nullptr) {
    const auto name = [&](std::size_t index) { return RunStore::name_of(jobs[index].settings); };
    work_together(together, {name, find, run}, *options.leases, options.threads, stop);
    const auto of_all_that_measure = [](std::size_t) { return std::string{"what measures time"}; };
    work_together(alone, {of_all_that_measure, find, run}, *options.leases, 1, stop);
    // After a stop, those that others have finished since they were last looked for are finished, too.
    for (const auto index : missing)
      if (!results[index]) find(index);
  } else {
    run_each(together, run, options.threads, stop);
    run_each(alone, run, 1, stop);
  }

  std::vector<RunResult> finished;
  for (auto& result : results)
    if (result) std::ranges::move(*result, std::back_inserter(finished));
  return finished;
}

}  // namespace keel::tools
