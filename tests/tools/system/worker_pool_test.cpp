#include "keel/tools/system/worker_pool.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <vector>

namespace keel::test {
namespace {

using namespace keel::tools;

// In a process of its own, in which no further thread can be had: their stacks would not fit.
[[maybe_unused]] int without_threads(const std::function<bool()>& passes) {
  const auto child = ::fork();
  if (child == 0) {
    const rlimit stack{std::size_t{1} << 44U, std::size_t{1} << 44U};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack.rlim_cur);
    pthread_setattr_default_np(&attributes);
    const rlimit space{std::size_t{1} << 40U, std::size_t{1} << 40U};
    ::setrlimit(RLIMIT_AS, &space);
    ::_exit(passes() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

BOOST_AUTO_TEST_SUITE(worker_pool)

BOOST_AUTO_TEST_CASE(work_is_done_by_as_many_threads_as_were_asked_for) {
  std::atomic<int> calls = 0;
  BOOST_TEST(run_on_threads(3, [&] { ++calls; }) == 3);
  BOOST_TEST(calls == 3);
}

#ifndef __SANITIZE_ADDRESS__  // which takes more address space than the limit leaves
BOOST_AUTO_TEST_CASE(without_a_thread_to_be_had_the_calling_one_does_the_work) {
  BOOST_TEST(without_threads([] {
               std::atomic<int> calls = 0;
               return run_on_threads(3, [&] { ++calls; }) == 1 && calls == 1;
             }) == 0);
  BOOST_TEST(without_threads([] {
               std::atomic<int> done = 0;
               const std::vector<std::function<void()>> jobs(5, [&] { ++done; });
               run_jobs(jobs, 4, {});
               return done == 5;
             }) == 0);
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
