// How many threads each of the processes of a host starts, so that together they use every processor once.

#include "keel/tools/commands/rank_processors.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>

namespace keel::test {
namespace {

using tools::Processors;
using tools::RankProcessors;

Processors processors(int first, int count) {
  Processors own{.usable = count};
  own.numbers.resize(static_cast<std::size_t>(count));
  std::iota(own.numbers.begin(), own.numbers.end(), first);
  return own;
}

std::vector<int> threads_of(const std::vector<RankProcessors>& ranks) {
  std::vector<int> threads;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank)
    threads.push_back(tools::threads_beside(ranks, rank));
  return threads;
}

void expect_threads(const std::vector<RankProcessors>& ranks, const std::vector<int>& expected) {
  BOOST_TEST(threads_of(ranks) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE(rank_processors)

BOOST_AUTO_TEST_CASE(ranks_that_are_not_bound_divide_the_host) {
  const RankProcessors any{"a", processors(0, 8)};
  expect_threads({any}, {8});
  expect_threads({any, any}, {4, 4});
  expect_threads({any, any, any}, {3, 3, 2});
}

BOOST_AUTO_TEST_CASE(ranks_that_are_bound_have_what_they_are_bound_to) {
  expect_threads({{"a", processors(0, 1)}, {"a", processors(1, 1)}}, {1, 1});
  const RankProcessors left{"a", processors(0, 4)};
  const RankProcessors right{"a", processors(4, 4)};
  expect_threads({left, right, left, right}, {2, 2, 2, 2});
}

BOOST_AUTO_TEST_CASE(other_hosts_count_for_nothing) {
  const RankProcessors here{"a", processors(0, 4)};
  expect_threads({here, here, {"b", processors(0, 16)}}, {2, 2, 16});
}

BOOST_AUTO_TEST_CASE(every_rank_has_a_thread) {
  const RankProcessors any{"a", processors(0, 2)};
  expect_threads({any, any, any, any}, {1, 1, 1, 1});
  expect_threads({{"a", {}}, {"a", {}}}, {1, 1});
}

BOOST_AUTO_TEST_CASE(a_quota_is_for_all_ranks_of_the_host) {
  RankProcessors any{"a", processors(0, 16)};
  any.processors.usable = 6;
  expect_threads({any, any}, {3, 3});
  expect_threads({any}, {6});
}

BOOST_AUTO_TEST_CASE(what_the_environment_says_is_for_each) {
  RankProcessors any{"a", processors(0, 8)};
  any.processors.usable = 6;
  any.processors.is_told = true;
  expect_threads({any, any}, {6, 6});
}

BOOST_AUTO_TEST_CASE(ranks_tell_each_other_in_words) {
  Processors told = processors(3, 5);
  told.usable = 2;
  told.is_told = true;
  const auto heard = tools::processors_in(tools::to_text(told));
  BOOST_TEST(heard.numbers == told.numbers, boost::test_tools::per_element());
  BOOST_TEST(heard.usable == 2);
  BOOST_TEST(heard.is_told);
  const auto own = tools::own_processors();
  BOOST_TEST(!own.numbers.empty());
  BOOST_TEST(own.usable >= 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
