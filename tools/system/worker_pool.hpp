#pragma once

#include <functional>
#include <span>
#include <stop_token>

namespace keel::tools {

/// Runs `jobs`, begun in their order, on `workers` threads, each job on one thread with a thread limit of 1:
/// what a job computes does not depend on how many workers there are. No further job is begun once `stop` is
/// requested or a job has thrown; the first exception is rethrown when all threads are done.
void run_jobs(std::span<const std::function<void()>> jobs, int workers, const std::stop_token& stop);

}  // namespace keel::tools
