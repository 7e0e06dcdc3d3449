// What limits the threads that a process starts with. The cases of the suite in_a_process are run by the others,
// each in a process of its own, under such a limit.

#include "keel/runtime/processors.hpp"
#include "../support/temporary_folder.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "keel/runtime/threads.hpp"

namespace {

namespace fs = std::filesystem;
using keel::control_group_quota;
using keel::ThreadLimit;

// A root folder with the files that the system shows a process, which goes with everything in it.
class FakeRoot {
 public:
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((folder_.path() / file).parent_path());
    std::ofstream{folder_.path() / file} << text;
  }
  void version_2(const std::string& group, const std::string& mounted_group = "/") const {
    write("proc/self/cgroup", "0::" + group + "\n");
    write("proc/self/mountinfo",
          "22 1 0:21 / /proc rw,nosuid - proc proc rw\n"
          "30 23 0:26 " +
              mounted_group + " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  }
  void version_1(const std::string& group, const std::string& mounted_group = "/") const {
    write("proc/self/cgroup",
          "5:memory:/elsewhere\n4:cpuset:/elsewhere\n3:cpu,cpuacct:" + group + "\n0::/elsewhere\n");
    write("proc/self/mountinfo",
          "31 23 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
          "32 31 0:29 " +
              mounted_group +
              " /sys/fs/cgroup/cpu,cpuacct rw shared:7 - cgroup cgroup rw,cpu,cpuacct\n"
              "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  }
  [[nodiscard]] double quota() const { return control_group_quota(folder_.path()).value_or(0.0); }

 private:
  keel::test::TemporaryFolder folder_;
};

// Runs a case of in_a_process, with this in front of the command.
void passes(const std::string& before, const std::string& name) {
  const auto self = fs::read_symlink("/proc/self/exe").string();
  const auto command =
      fmt::format("{} '{}' --run_test=in_a_process/{} --report_level=no", before, self, name);
  BOOST_TEST(std::system(command.c_str()) == 0, command);
}

cpu_set_t first_processor_of(const cpu_set_t& set) {
  cpu_set_t first;
  CPU_ZERO(&first);
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (!CPU_ISSET(i, &set)) continue;
    CPU_SET(i, &first);
    break;
  }
  return first;
}

int default_limit_of_a_new_thread() {
  int limit = 0;
  std::thread{[&] { limit = ThreadLimit::current(); }}.join();
  return limit;
}

std::size_t bytes_of_address_space() {
  std::size_t pages = 0;
  std::ifstream{"/proc/self/statm"} >> pages;
  return pages * 4096;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(processors_test)

BOOST_AUTO_TEST_CASE(without_control_groups_there_is_no_quota) {
  const FakeRoot root;
  BOOST_TEST(root.quota() == 0.0);
  root.version_2("/");
  BOOST_TEST(root.quota() == 0.0);
}

BOOST_AUTO_TEST_CASE(a_quota_of_version_2_is_read) {
  const FakeRoot root;
  root.version_2("/work/job");
  root.write("sys/fs/cgroup/work/job/cpu.max", "max 100000\n");
  BOOST_TEST(root.quota() == 0.0);
  root.write("sys/fs/cgroup/work/job/cpu.max", "150000 100000\n");
  BOOST_TEST(root.quota() == 1.5);
}

BOOST_AUTO_TEST_CASE(a_quota_of_version_1_is_read) {
  const FakeRoot root;
  root.version_1("/work/job");
  root.write("sys/fs/cgroup/cpu,cpuacct/work/job/cpu.cfs_period_us", "50000\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/work/job/cpu.cfs_quota_us", "-1\n");
  BOOST_TEST(root.quota() == 0.0);
  root.write("sys/fs/cgroup/cpu,cpuacct/work/job/cpu.cfs_quota_us", "100000\n");
  BOOST_TEST(root.quota() == 2.0);
}

BOOST_AUTO_TEST_CASE(the_least_quota_of_a_group_and_those_around_it_counts) {
  const FakeRoot root;
  root.version_2("/a/b/c");
  root.write("sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
  root.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  root.write("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  BOOST_TEST(root.quota() == 3.0);
  root.write("sys/fs/cgroup/cpu.max", "250000 100000\n");
  BOOST_TEST(root.quota() == 2.5);
  root.write("sys/fs/cgroup/a/other/cpu.max", "100000 100000\n");
  BOOST_TEST(root.quota() == 2.5);
}

BOOST_AUTO_TEST_CASE(in_a_container_the_mount_point_shows_its_own_group) {
  for (const bool version_2 : {true, false}) {
    const FakeRoot root;
    if (version_2) root.version_2("/docker/1234", "/docker/1234");
    if (!version_2) root.version_1("/docker/1234", "/docker/1234");
    root.write("sys/fs/cgroup/cpu.max", "300000 100000\n");
    root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
    root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    BOOST_TEST(root.quota() == 3.0);
  }
}

BOOST_AUTO_TEST_CASE(a_group_outside_of_what_is_mounted_gives_the_mount_points_quota) {
  const FakeRoot root;
  root.version_2("/../../other");
  root.write("sys/fs/cgroup/cpu.max", "300000 100000\n");
  BOOST_TEST(root.quota() == 3.0);
}

BOOST_AUTO_TEST_CASE(what_can_not_be_read_limits_nothing) {
  const FakeRoot root;
  root.version_2("/job");
  for (const std::string text : {"", "nonsense", "100000", "100000 0", "0 100000", "-5 100000"}) {
    root.write("sys/fs/cgroup/job/cpu.max", text);
    BOOST_TEST(root.quota() == 0.0, text);
  }
  root.write("proc/self/mountinfo", "\n30\n- - -\n30 23 0:26 / /x rw -\n");
  root.write("proc/self/cgroup", "\n0\n0:\n");
  BOOST_TEST(root.quota() == 0.0);
}

BOOST_AUTO_TEST_CASE(omp_num_threads_is_heeded) {
  passes("OMP_NUM_THREADS=1", "one_thread");
  passes("OMP_NUM_THREADS=1,4", "one_thread");
  passes("OMP_NUM_THREADS=' 1'", "one_thread");
}

BOOST_AUTO_TEST_CASE(omp_num_threads_above_the_processors_sets_the_limit_but_makes_no_processors) {
  passes("OMP_NUM_THREADS=1000", "a_thousand_threads");
}

BOOST_AUTO_TEST_CASE(an_omp_num_threads_that_is_no_number_is_ignored) {
  for (const std::string value : {"''", "0", "-1", "many"}) {
    passes("OMP_NUM_THREADS=" + value + " 2>/dev/null", "as_many_as_processors");
  }
}

BOOST_AUTO_TEST_CASE(the_affinity_mask_is_heeded) {
  passes("env -u OMP_NUM_THREADS", "one_processor");
}

BOOST_AUTO_TEST_CASE(threads_that_can_not_be_had_are_done_without) {
  passes("env -u OMP_NUM_THREADS", "no_room_for_threads");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(in_a_process, *boost::unit_test::disabled())

BOOST_AUTO_TEST_CASE(one_thread) {
  BOOST_TEST(keel::available_processors() == 1);
  BOOST_TEST(ThreadLimit::current() == 1);
  BOOST_TEST(default_limit_of_a_new_thread() == 1);
}

BOOST_AUTO_TEST_CASE(a_thousand_threads) {
  BOOST_TEST(keel::available_processors() < 1000);
  BOOST_TEST(ThreadLimit::current() == 1000);
}

BOOST_AUTO_TEST_CASE(as_many_as_processors) {
  BOOST_TEST(ThreadLimit::current() == keel::available_processors());
  BOOST_TEST(default_limit_of_a_new_thread() == keel::available_processors());
}

BOOST_AUTO_TEST_CASE(one_processor) {
  cpu_set_t set;
  BOOST_REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  set = first_processor_of(set);
  BOOST_REQUIRE(sched_setaffinity(0, sizeof set, &set) == 0);
  BOOST_TEST(keel::available_processors() == 1);
  BOOST_TEST(ThreadLimit::current() == 1);
  BOOST_TEST(default_limit_of_a_new_thread() == 1);
}

BOOST_AUTO_TEST_CASE(no_room_for_threads) {
  // Each thread wants a stack of 1 GiB, of which the address space has none left.
  pthread_attr_t attributes;
  BOOST_REQUIRE(pthread_attr_init(&attributes) == 0);
  BOOST_REQUIRE(pthread_attr_setstacksize(&attributes, std::size_t{1} << 30U) == 0);
  BOOST_REQUIRE(pthread_setattr_default_np(&attributes) == 0);
  const rlim_t most = bytes_of_address_space() + (rlim_t{1} << 29U);
  const rlimit limit{most, most};
  BOOST_REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
  const ThreadLimit four{4};
  BOOST_TEST(keel::startable_threads(4) == 1);
  std::atomic<int> done = 0;
  std::atomic<int> parts = 0;
  keel::parallel_for(100, 1, [&](std::int64_t begin, std::int64_t end) {
    done += static_cast<int>(end - begin);
    ++parts;
  });
  BOOST_TEST(done == 100);
  BOOST_TEST(parts == 1);
}

BOOST_AUTO_TEST_SUITE_END()
