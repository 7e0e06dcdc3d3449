// Which learning rates do well, and what is known where their grid ends among them.

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/planted_study.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
using Kind = Observation::Kind;

// Of the grid: quarters of a decade from 0.01 on.
constexpr double spacing = 0.25;

bool all_of_kind(const Finding& finding, Kind kind) {
  return std::ranges::all_of(finding.values, [&](const auto& value) { return value.kind == kind; });
}

BOOST_AUTO_TEST_SUITE(learning_rate_study)

// A plain network does well from 0.1 to 0.3, with batch norm to 3.
BOOST_AUTO_TEST_CASE(the_highest_rate_is_judged_and_then_the_width) {
  const Planted planted{"learning-rate"};
  const auto findings = planted.judge();
  BOOST_TEST(findings[0].endpoint.name == "highest rate that does well, batch norm over plain");
  BOOST_TEST(findings[0].effect.mean == 1.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(planted.finding("width").effect.mean == 1.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(planted.finding("over layer norm").effect.mean == 1.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(planted.finding("over plain, He's start").effect.mean == 1.0,
             boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(no_interval_is_narrower_than_the_grid) {
  for (const auto& finding : Planted{"learning-rate"}.judge()) {
    BOOST_TEST(finding.endpoint.resolution == spacing, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(*finding.effect.high - *finding.effect.low >= spacing - 1e-9);
  }
}

BOOST_AUTO_TEST_CASE(a_grid_that_ends_among_good_rates_bounds_the_highest_from_below) {
  Planted planted{"learning-rate"};
  planted.change("bn", [](RunResult& run) {
    if (run.settings.learning_rate > 0.09) run.epochs.back().validation.accuracy = 0.95;
  });
  const auto highest = planted.finding("highest rate");
  BOOST_TEST(all_of_kind(highest, Kind::at_least));
  BOOST_TEST(highest.effect.mean == 1.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(all_of_kind(planted.finding("width"), Kind::at_least));
  planted.change("plain", [](RunResult& run) {
    run.diverged = false;
    run.epochs.back().validation.accuracy = 0.95;
  });
  BOOST_TEST(all_of_kind(planted.finding("highest rate"), Kind::unknown));
  BOOST_TEST((planted.finding("highest rate").verdict == Verdict::not_shown));
  check_crash_free(planted);
}

BOOST_AUTO_TEST_CASE(a_rate_that_diverges_does_not_do_well_whatever_its_accuracy) {
  Planted planted{"learning-rate"};
  planted.change("bn", [](RunResult& run) {
    if (run.settings.learning_rate < 0.9) return;
    run.diverged = true;
    run.epochs.back().validation.accuracy = 0.95;
  });
  // 10^-0.25 is the last below 0.9.
  BOOST_TEST(planted.finding("width").effect.mean == spacing, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(planted.finding("highest rate").effect.mean == spacing, boost::test_tools::tolerance(1e-9));
  check_crash_free(planted);
}

BOOST_AUTO_TEST_CASE(of_an_arm_that_always_diverges_the_good_rates_lie_below_the_grid) {
  Planted planted{"learning-rate"};
  planted.change("plain", [](RunResult& run) { run.diverged = true; });
  const auto highest = planted.finding("highest rate");
  BOOST_TEST(all_of_kind(highest, Kind::at_least));
  BOOST_TEST(highest.effect.mean == 2.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST((highest.verdict == Verdict::supported));
  BOOST_TEST(all_of_kind(planted.finding("width"), Kind::at_most));
  check_crash_free(planted);
}

BOOST_AUTO_TEST_CASE(a_rate_within_one_point_of_the_best_does_well_and_one_below_does_not) {
  Planted planted{"learning-rate", 0.0};
  planted.change("bn", [](RunResult& run) {
    if (run.settings.learning_rate > 0.5 && run.settings.learning_rate < 0.6)
      run.epochs.back().validation.accuracy = 0.945;
    if (run.settings.learning_rate > 0.9 && run.settings.learning_rate < 1.1)
      run.epochs.back().validation.accuracy = 0.935;
  });
  BOOST_TEST(planted.finding("width").effect.mean == spacing, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(planted.finding("highest rate").effect.mean == spacing, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
