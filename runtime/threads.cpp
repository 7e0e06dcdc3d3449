#include "keel/runtime/threads.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>

#include "keel/runtime/error.hpp"

// oneDNN runs on libgomp's threads. keel shares that one pool whichever compiler builds it: a second OpenMP
// runtime beside it (clang's) would fight it for the processors, so the two entries needed of libgomp are
// declared here.
extern "C" {
void omp_set_num_threads(int threads);
int omp_get_max_threads();
int omp_get_thread_num();
int omp_get_num_threads();
void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags);
}

namespace keel {

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(CPU_COUNT(&set), 1);
}

ThreadLimit::ThreadLimit(int threads) : previous_(current()) {
  if (threads < 1) throw Error{fmt::format("{} threads were asked for, at least 1 is needed", threads)};
  set(threads);
}

ThreadLimit::~ThreadLimit() {
  set(previous_);
}

void ThreadLimit::set(int threads) {
  omp_set_num_threads(threads);
}

int ThreadLimit::current() {
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

}  // namespace

namespace detail {

void run_in_parts(std::int64_t count, std::int64_t grain,
                  void (*body)(const void* context, std::int64_t begin, std::int64_t end),
                  const void* context) {
  Loop loop{count, body, context};
  const std::int64_t parts =
      std::min<std::int64_t>(ThreadLimit::current(), count / std::max<std::int64_t>(grain, 1));
  if (parts > 1) {
    GOMP_parallel(run_part_of, &loop, static_cast<unsigned>(parts), 0);
  } else if (count > 0) {
    body(context, 0, count);
  }
}

}  // namespace detail

}  // namespace keel
