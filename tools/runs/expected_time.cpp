#include "keel/tools/runs/expected_time.hpp"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <vector>

#include "keel/tools/runs/design.hpp"
#include "keel/tools/system/worker_pool.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::int64_t unmeasured_steps = 20;  // in which a step is compiled, and memory comes into being
constexpr std::int64_t measured_steps = 120;

// The time of a step by a short training, over what is estimated for it.
double measure_factor(const DataSet& data, const std::stop_token& stop) {
  RunSettings settings{.hidden = {128, 128}, .epochs = 1000, .limit = 64 * measured_steps};
  const StudyScale scale{.data = data, .limit = settings.limit};
  Network network{network_for(data, settings)};
  TrainingLoop loop{network, settings, {.data = data, .stop = stop}};
  double begun = 0.0;
  loop.train([&](std::int64_t step, double) {
    if (step == unmeasured_steps) begun = loop.training_seconds();
    return step < unmeasured_steps + measured_steps;
  });
  const double estimate = estimated_step_seconds(scale, settings) * static_cast<double>(measured_steps);
  return (loop.training_seconds() - begun) / estimate;
}

}  // namespace

double machine_factor(const DataSet& data, int threads, const std::stop_token& stop) {
  std::mutex mutex;
  std::vector<double> factors;
  const std::vector<std::function<void()>> all(static_cast<std::size_t>(threads), [&] {
    const double factor = measure_factor(data, stop);
    const std::scoped_lock lock{mutex};
    factors.push_back(factor);
  });
  run_jobs(all, threads, stop);
  return factors.empty()
             ? 1.0
             : std::accumulate(factors.begin(), factors.end(), 0.0) / static_cast<double>(factors.size());
}

double expected_seconds(std::span<const Job> jobs, int threads, double factor) {
  double together = 0.0;
  double longest = 0.0;
  double alone = 0.0;
  for (const auto& job : jobs) {
    (job.alone ? alone : together) += job.cost;
    if (!job.alone) longest = std::max(longest, job.cost);
  }
  return factor * (std::max(together / threads, longest) + alone);
}

std::vector<Job> expected_jobs(const Study& study, StudyScale scale) {
  auto all = study.tuning_jobs(scale);
  std::vector<RunResult> tuning;
  for (const auto& job : all) {
    RunResult run;
    run.settings = job.settings;
    tuning.push_back(std::move(run));
  }
  scale.tuning = tuning;
  std::ranges::move(study.jobs(scale), std::back_inserter(all));
  return all;
}

}  // namespace keel::tools
