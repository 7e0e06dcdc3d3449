#include "keel/tools/system/turns.hpp"

#include <array>
#include <boost/test/unit_test.hpp>

namespace keel::test {
namespace {

using namespace keel::tools;

BOOST_AUTO_TEST_SUITE(turns)

BOOST_AUTO_TEST_CASE(the_median_is_the_middle_value) {
  BOOST_TEST(median({3.0}) == 3.0);
  BOOST_TEST(median({5.0, 1.0, 3.0}) == 3.0);
  BOOST_TEST(median({4.0, 1.0, 3.0, 2.0}) == 3.0);
}

// Ratios are taken round by round: a machine that is slow for a round is slow for both.
BOOST_AUTO_TEST_CASE(ratios_are_of_the_same_round) {
  const std::array slow_in_the_middle{2.0, 20.0, 2.0};
  const std::array other{1.0, 10.0, 4.0};
  BOOST_TEST(median_ratio(slow_in_the_middle, other) == 2.0);
}

BOOST_AUTO_TEST_CASE(all_contenders_take_part_in_every_round_and_each_goes_first) {
  std::vector<int> order;
  const std::array<std::function<void()>, 3> contenders{
      [&] { order.push_back(0); }, [&] { order.push_back(1); }, [&] { order.push_back(2); }};
  const auto samples = time_in_turns(contenders, 3);
  BOOST_REQUIRE(samples.size() == 3U);
  for (const auto& times : samples) BOOST_TEST(times.size() == 3U);
  // Where one contender follows another, from the first measured round on; a sample is many calls.
  std::vector<int> turns;
  for (const int contender : order) {
    if (turns.empty() || turns.back() != contender) turns.push_back(contender);
  }
  // Warming up is a turn of each; the third measured round begins with 2, the second with 1.
  BOOST_TEST(turns == (std::vector<int>{0, 1, 2, 0, 1, 2, 1, 2, 0, 2, 0, 1}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
