#include "keel/tools/system/worker_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "keel/runtime/threads.hpp"

namespace keel::tools {

void run_jobs(std::span<const std::function<void()>> jobs, int workers, const std::stop_token& stop) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto failed = [&] {
    const std::scoped_lock lock{mutex};
    return failure != nullptr;
  };
  const auto work = [&] {
    while (!stop.stop_requested() && !failed()) {
      const std::size_t index = next++;
      if (index >= jobs.size()) return;
      try {
        const ThreadLimit one_thread{1};
        jobs[index]();
      } catch (...) {
        const std::scoped_lock lock{mutex};
        if (!failure) failure = std::current_exception();
      }
    }
  };
  const auto count = static_cast<int>(std::min(static_cast<std::size_t>(workers), jobs.size()));
  if (const int given = run_on_threads(count, work); given < count) {
    fmt::print(
        stderr,
        "keel: of {} threads for runs side by side the system gave only {}; the results are the same\n",
        count, given);
  }
  if (failure) std::rethrow_exception(failure);
}

int run_on_threads(int count, const std::function<void()>& work) {
  std::vector<std::jthread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  try {
    while (std::ssize(threads) < count) threads.emplace_back(work);
  } catch (const std::system_error&) {
    // There are no more.
  }
  if (threads.empty()) work();
  return std::max(static_cast<int>(threads.size()), 1);
}

}  // namespace keel::tools
