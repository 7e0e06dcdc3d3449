#include "keel/tools/system/worker_pool.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
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
    const ThreadLimit one_thread{1};
    while (!stop.stop_requested() && !failed()) {
      const std::size_t index = next++;
      if (index >= jobs.size()) return;
      try {
        jobs[index]();
      } catch (...) {
        const std::scoped_lock lock{mutex};
        if (!failure) failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(workers), jobs.size()); ++i)
      threads.emplace_back(work);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace keel::tools
