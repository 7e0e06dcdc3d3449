// What is known of two arms' differences and ratios where some runs give only bounds.

#include "keel/tools/runs/observed.hpp"

#include <array>
#include <boost/test/unit_test.hpp>

#include "keel/tools/findings/finding.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
using Kind = Observation::Kind;

BOOST_AUTO_TEST_SUITE(observed_arms)

BOOST_AUTO_TEST_CASE(a_bound_bounds_the_difference_from_the_side_that_it_can) {
  const auto kind = [](Kind a, Kind b) { return difference({3.0, a}, {1.0, b}).kind; };
  BOOST_TEST((kind(Kind::exact, Kind::exact) == Kind::exact));
  BOOST_TEST((kind(Kind::at_least, Kind::exact) == Kind::at_least));
  BOOST_TEST((kind(Kind::at_most, Kind::exact) == Kind::at_most));
  BOOST_TEST((kind(Kind::exact, Kind::at_least) == Kind::at_most));
  BOOST_TEST((kind(Kind::exact, Kind::at_most) == Kind::at_least));
  BOOST_TEST((kind(Kind::at_least, Kind::at_most) == Kind::at_least));
  BOOST_TEST((kind(Kind::at_most, Kind::at_least) == Kind::at_most));
  BOOST_TEST((kind(Kind::at_least, Kind::at_least) == Kind::unknown));
  BOOST_TEST((kind(Kind::at_most, Kind::at_most) == Kind::unknown));
  for (const auto other : {Kind::exact, Kind::at_least, Kind::at_most, Kind::unknown}) {
    BOOST_TEST((kind(Kind::unknown, other) == Kind::unknown));
    BOOST_TEST((kind(other, Kind::unknown) == Kind::unknown));
  }
  BOOST_TEST((difference({3.0}, {1.0}) == Observation{2.0}));
  BOOST_TEST((ratio({3.0, Kind::at_least}, {2.0}) == Observation{1.5, Kind::at_least}));
}

BOOST_AUTO_TEST_CASE(seeds_that_only_one_arm_has_are_left_out) {
  const ObservedBySeed a{{1, {5.0}}, {2, {6.0, Kind::at_least}}, {4, {1.0}}};
  const ObservedBySeed b{{2, {4.0}}, {3, {1.0}}, {4, {2.0}}};
  const auto values = pairwise(a, b, difference);
  BOOST_REQUIRE(values.size() == 2U);
  BOOST_TEST((values[0] == Observation{2.0, Kind::at_least}));
  BOOST_TEST((values[1] == Observation{-1.0}));
}

// Neither arm of any seed came to what is measured: a verdict on it can be corrected for the others all the same.
BOOST_AUTO_TEST_CASE(a_finding_of_which_nothing_is_known_is_not_shown_beside_others) {
  const std::vector<Observation> unknown(8, Observation{2.0, Kind::unknown});
  const std::vector<double> clear{1.0, 1.1, 0.9, 1.0, 1.2, 0.8, 1.0, 1.1};
  auto nothing = judge({.name = "nothing"}, unknown);
  auto something = judge({.name = "something"}, clear);
  std::array findings{&nothing, &something};
  correct_by_holm(findings);
  BOOST_TEST((nothing.verdict == Verdict::not_shown));
  BOOST_TEST((something.verdict == Verdict::supported));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
