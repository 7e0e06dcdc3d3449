#include "keel/runtime/threads.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/runtime/error.hpp"

// Of libgomp, as runtime/threads.cpp declares them.
extern "C" {
void omp_set_dynamic(int dynamic);
int omp_get_thread_num();
void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags);
}

namespace {

using keel::parallel_for;
using keel::ThreadLimit;
using keel::testing::text_of;

struct Part {
  std::int64_t begin;
  std::int64_t end;
};

// The parts that parallel_for deals out, in order.
std::vector<Part> parts_of(std::int64_t count, std::int64_t grain) {
  std::mutex mutex;
  std::vector<Part> parts;
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::scoped_lock lock{mutex};
    parts.push_back({begin, end});
  });
  std::ranges::sort(parts, {}, &Part::begin);
  return parts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(threads_test)

BOOST_AUTO_TEST_CASE(there_is_a_processor) {
  BOOST_TEST(keel::available_processors() >= 1);
}

BOOST_AUTO_TEST_CASE(a_limit_lasts_as_long_as_its_scope) {
  const int before = ThreadLimit::current();
  {
    const ThreadLimit three{3};
    BOOST_TEST(ThreadLimit::current() == 3);
    {
      const ThreadLimit one{1};
      BOOST_TEST(ThreadLimit::current() == 1);
    }
    BOOST_TEST(ThreadLimit::current() == 3);
  }
  BOOST_TEST(ThreadLimit::current() == before);
}

BOOST_AUTO_TEST_CASE(a_limit_below_one_is_refused_and_changes_nothing) {
  const ThreadLimit two{2};
  BOOST_TEST(text_of<keel::Error>([] { ThreadLimit{0}; }) ==
             "0 threads were asked for, at least 1 is needed");
  BOOST_CHECK_THROW(ThreadLimit{-1}, keel::Error);
  BOOST_TEST(ThreadLimit::current() == 2);
}

BOOST_AUTO_TEST_CASE(a_limit_is_that_of_the_calling_thread_alone) {
  const ThreadLimit five{5};
  int other = 0;
  std::thread{[&] {
    const ThreadLimit seven{7};
    other = ThreadLimit::current();
  }}.join();
  BOOST_TEST(other == 7);
  BOOST_TEST(ThreadLimit::current() == 5);
}

BOOST_AUTO_TEST_CASE(every_index_is_covered_exactly_once) {
  for (const int threads : {1, 2, 3, 8}) {
    const ThreadLimit limit{threads};
    for (const std::int64_t count : {1, 2, 7, 63, 64, 65, 1000}) {
      for (const std::int64_t grain : {1, 2, 3, 64, 999, 5000}) {
        std::int64_t next = 0;
        for (const auto& [begin, end] : parts_of(count, grain)) {
          BOOST_TEST(begin == next);
          BOOST_TEST(end > begin);
          next = end;
        }
        BOOST_TEST(next == count, count << " by " << grain << " on " << threads << " threads");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(parts_are_even_at_least_a_grain_long_and_no_more_than_the_limit) {
  for (const int threads : {1, 2, 3, 8}) {
    const ThreadLimit limit{threads};
    for (const std::int64_t count : {10, 25, 39, 64, 1000}) {
      for (const std::int64_t grain : {1, 3, 10}) {
        const auto parts = parts_of(count, grain);
        BOOST_TEST(parts.size() <= static_cast<std::size_t>(threads));
        for (const auto& [begin, end] : parts) {
          BOOST_TEST(end - begin >= grain);
          BOOST_TEST(std::abs((end - begin) - count / std::ssize(parts)) <= 1);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(enough_work_is_dealt_out_to_as_many_threads_as_allowed) {
  const ThreadLimit limit{2};
  BOOST_TEST(parts_of(100, 10).size() == 2U);
  BOOST_TEST(parts_of(20, 10).size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_fits_into_one_part_stays_on_the_calling_thread) {
  const ThreadLimit limit{4};
  for (const std::int64_t count : {1, 19}) {
    std::vector<std::thread::id> threads;
    parallel_for(count, 10, [&](auto, auto) { threads.push_back(std::this_thread::get_id()); });
    BOOST_TEST((threads == std::vector{std::this_thread::get_id()}));
  }
}

BOOST_AUTO_TEST_CASE(nothing_to_do_calls_nothing) {
  const ThreadLimit limit{4};
  BOOST_TEST(parts_of(0, 1).empty());
  BOOST_TEST(parts_of(0, 100).empty());
  BOOST_TEST(parts_of(-5, 1).empty());
}

BOOST_AUTO_TEST_CASE(a_grain_below_one_counts_as_one) {
  const ThreadLimit limit{2};
  for (const std::int64_t grain : {0, -3}) {
    const auto parts = parts_of(10, grain);
    BOOST_TEST(parts.size() == 2U);
    BOOST_TEST(parts.front().begin == 0);
    BOOST_TEST(parts.back().end == 10);
  }
}

BOOST_AUTO_TEST_CASE(loops_nest) {
  const ThreadLimit limit{3};
  std::vector<std::atomic<int>> visits(30 * 40);
  parallel_for(30, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      parallel_for(40, 1, [&](std::int64_t inner_begin, std::int64_t inner_end) {
        for (std::int64_t j = inner_begin; j < inner_end; ++j) ++visits[static_cast<std::size_t>(40 * i + j)];
      });
    }
  });
  BOOST_TEST(std::ranges::all_of(visits, [](const auto& count) { return count == 1; }));
}

// A kernel that was made for two threads would leave half of its work undone.
BOOST_AUTO_TEST_CASE(where_libgomp_gives_fewer_threads_one_is_counted_on) {
  const keel::ThreadLimit two{2};
  omp_set_dynamic(1);
  BOOST_TEST(keel::startable_threads(2) == 1);
  omp_set_dynamic(0);
  std::array<int, 2> within{};
  GOMP_parallel(
      [](void* counts) { static_cast<int*>(counts)[omp_get_thread_num()] = keel::startable_threads(2); },
      within.data(), 2, 0);
  BOOST_TEST(within[0] == 1);
  BOOST_TEST(within[1] == 1);
}

BOOST_AUTO_TEST_SUITE_END()
