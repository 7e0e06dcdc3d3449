#include "keel/runtime/threads.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

#include "keel/runtime/error.hpp"
#include "keel/runtime/processors.hpp"

// oneDNN runs on libgomp's threads. keel shares that one pool whichever compiler builds it: a second OpenMP
// runtime beside it (clang's) would fight it for the processors, so the entries needed of libgomp are declared
// here.
extern "C" {
void omp_set_num_threads(int threads);
int omp_get_max_threads();
int omp_get_thread_num();
int omp_get_num_threads();
int omp_in_parallel();
int omp_get_active_level();
int omp_get_max_active_levels();
int omp_get_thread_limit();
int omp_get_dynamic();
int omp_pause_resource_all(int kind);
void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags);
}

namespace keel {

namespace {

// Threads of libgomp's that wait for work of the calling thread, itself among them: as many as it has used at
// once, unless kernels have used fewer since.
thread_local int kept_threads = 1;

// A child has the forking thread alone. It finds no others to wait for if there are none at that moment; both
// parent and child start theirs anew when they next want them.
void end_kept_threads() {
  constexpr int omp_pause_soft = 1;
  if (omp_pause_resource_all(omp_pause_soft) == 0) kept_threads = 1;
}

void prepare_for_forks() {
  [[maybe_unused]] static const int registered = pthread_atfork(end_kept_threads, nullptr, nullptr);
}

// libgomp knows OMP_NUM_THREADS, and the affinity mask of when the program was started, but no quota.
void start_with_available_processors() {
  thread_local bool started = false;
  if (started || omp_in_parallel() != 0) return;
  started = true;
  prepare_for_forks();
  if (!omp_num_threads()) omp_set_num_threads(std::min(omp_get_max_threads(), available_processors()));
}

}  // namespace

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int processors = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  if (const auto quota = control_group_quota())
    processors = static_cast<int>(std::min<double>(processors, *quota));
  if (const auto threads = omp_num_threads()) processors = std::min(processors, *threads);
  return std::max(processors, 1);
}

ThreadLimit::ThreadLimit(int threads) : previous_(current()) {
  if (threads < 1) throw Error{fmt::format("{} threads were asked for, at least 1 is needed", threads)};
  set(threads);
}

ThreadLimit::~ThreadLimit() {
  set(previous_);
}

void ThreadLimit::set(int threads) {
  start_with_available_processors();
  omp_set_num_threads(threads);
}

int ThreadLimit::current() {
  start_with_available_processors();
  return omp_get_max_threads();
}

namespace {

struct Loop {
  std::int64_t count;
  void (*body)(const void* context, std::int64_t begin, std::int64_t end);
  const void* context;

  void run_part(std::int64_t part, std::int64_t parts) const {
    body(context, count * part / parts, count * (part + 1) / parts);
  }
};

void run_part_of(void* loop) {
  static_cast<const Loop*>(loop)->run_part(omp_get_thread_num(), omp_get_num_threads());
}

// As many of `wanted` threads as there can be at once, which all end again.
int try_to_start(int wanted) {
  std::atomic<bool> all_tried = false;
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(wanted));
  try {
    while (std::ssize(threads) < wanted) threads.emplace_back([&] { all_tried.wait(false); });
  } catch (const std::system_error&) {
    // There are no more.
  }
  all_tried = true;
  all_tried.notify_all();
  for (auto& thread : threads) thread.join();
  return static_cast<int>(threads.size());
}

}  // namespace

// A kernel does the parts of its work that its threads were counted for when it was made; libgomp leaves some
// undone without a word where it gives fewer: within a program's own parallel region, above OMP_THREAD_LIMIT,
// and at its discretion with OMP_DYNAMIC.
int startable_threads(int threads) {
  start_with_available_processors();
  if (omp_get_dynamic() != 0 || omp_get_active_level() >= omp_get_max_active_levels()) return 1;
  threads = std::min(threads, omp_get_thread_limit());
  if (threads <= kept_threads || omp_in_parallel() != 0) return threads;
  const int startable = kept_threads + try_to_start(threads - kept_threads);
  if (startable > kept_threads) {
    GOMP_parallel([](void*) {}, nullptr, static_cast<unsigned>(startable), 0);
    kept_threads = startable;
  }
  return startable;
}

namespace detail {

void run_in_parts(std::int64_t count, std::int64_t grain,
                  void (*body)(const void* context, std::int64_t begin, std::int64_t end),
                  const void* context) {
  Loop loop{count, body, context};
  const std::int64_t parts =
      std::min<std::int64_t>(ThreadLimit::current(), count / std::max<std::int64_t>(grain, 1));
  const int threads = parts > 1 ? startable_threads(static_cast<int>(parts)) : 1;
  if (threads > 1) {
    GOMP_parallel(run_part_of, &loop, static_cast<unsigned>(threads), 0);
  } else if (count > 0) {
    body(context, 0, count);
  }
}

}  // namespace detail

}  // namespace keel
