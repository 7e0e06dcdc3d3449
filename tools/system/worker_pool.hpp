#pragma once

#include <functional>
#include <span>
#include <stop_token>

namespace keel::tools {

/// Runs `jobs`, begun in their order, on `workers` threads, each job on one thread with a thread limit of 1:
/// what a job computes does not depend on how many workers there are. No further job is begun once `stop` is
/// requested or a job has thrown; the first exception is rethrown when all threads are done.
void run_jobs(std::span<const std::function<void()>> jobs, int workers, const std::stop_token& stop);

/// Calls `work`, which must not throw, on each of `count` threads and waits for them. Where the system does
/// not give as many there are fewer; where it gives none, the calling one does the work. Returns how many did
/// it.
int run_on_threads(int count, const std::function<void()>& work);

}  // namespace keel::tools
