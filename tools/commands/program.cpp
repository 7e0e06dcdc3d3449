#include "keel/tools/commands/program.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include "keel/tools/system/standard_streams.hpp"
#include "keel/tools/system/terminal.hpp"

namespace keel::tools {
namespace {

constexpr std::string_view out_of_memory = "out of memory: the system gives this program no more";

ExitStatus fail(std::string_view what, ExitStatus status) {
  fmt::print(stderr, "keel: {}\n", printable(what));
  return status;
}

ExitStatus run_to_status(const std::function<ExitStatus()>& run) {
  try {
    return run();
  } catch (const UsageError& error) {
    return fail(error.what(), ExitStatus::usage);
  } catch (const DataError& error) {
    return fail(error.what(), ExitStatus::data);
  } catch (const std::bad_alloc&) {
    return fail(out_of_memory, ExitStatus::failed);
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(fmt::format("'{}': {}", error.path1().string(), error.code().message()), ExitStatus::failed);
  } catch (const std::exception& error) {
    return fail(error.what(), ExitStatus::failed);
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
