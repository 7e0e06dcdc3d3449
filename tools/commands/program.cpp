#include "keel/tools/commands/program.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

#include "keel/tools/commands/failure.hpp"
#include "keel/tools/system/standard_streams.hpp"

namespace keel::tools {
namespace {

ExitStatus run_to_status(const std::function<ExitStatus()>& run) {
  try {
    return run();
  } catch (...) {
    const auto failure = present_failure();
    say(failure.sentence);
    return failure.status;
  }
}

// Where nothing can catch it, as within a library's own threads, memory that can't be had still is no crash.
[[noreturn]] void end_at_once() {
  try {
    if (const auto failure = std::current_exception()) std::rethrow_exception(failure);
  } catch (const std::bad_alloc&) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, "keel: out of memory\n", 20);
    std::_Exit(static_cast<int>(ExitStatus::failed));
  } catch (...) {
  }
  std::abort();
}

// glibc wants 64 MB of address space for a heap of each thread. Where that is limited it gets none and tries again at every
// allocation, which takes from the other threads for a moment what they need.
void share_one_heap_if_limited() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) ::mallopt(M_ARENA_MAX, 1);
}

}  // namespace

int run_program(const std::function<ExitStatus()>& run) {
  std::set_terminate(end_at_once);
  share_one_heap_if_limited();
  StandardStreams streams;
  return static_cast<int>(streams.finish(run_to_status(run)));
}

}  // namespace keel::tools
