// Runs whose gradients vanish or are not finite, or that lack what their study compares.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "../../support/planted_study.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

BOOST_AUTO_TEST_SUITE(study_censoring)

// Hidden layers' gradients spread over four decades without batch norm and over one with it.
BOOST_AUTO_TEST_CASE(the_spread_of_gradients_is_in_decades_for_each_activation) {
  const Planted planted{"depth"};
  for (const char* activation : {"sigmoid", "tanh", "relu"}) {
    const auto spread =
        planted.finding(std::string{"spread of the layers' gradients, plain - batch norm, "} + activation);
    BOOST_TEST(spread.effect.mean == 3.0, boost::test_tools::tolerance(1e-3));
    BOOST_TEST((spread.verdict == Verdict::supported));
  }
}

BOOST_AUTO_TEST_CASE(a_gradient_that_vanished_entirely_spreads_far_and_one_that_is_not_finite_shows_nothing) {
  Planted vanished{"depth"};
  vanished.change("plain", [](RunResult& run) { run.measures["gradient_norms_after_0"][1] = 0.0; });
  BOOST_TEST(vanished.finding("spread of the layers' gradients, plain - batch norm, tanh").effect.mean >
             30.0);
  check_crash_free(vanished);
  for (const double bad : {nan, std::numeric_limits<double>::infinity()}) {
    for (const double place : {0.1, 0.3, 0.5, 0.8}) {
      Planted exploded{"depth"};
      exploded.change("plain", [&](RunResult& run) {
        auto& norms = run.measures["gradient_norms_after_0"];
        norms[static_cast<std::size_t>(place * static_cast<double>(norms.size()))] = bad;
      });
      BOOST_TEST((exploded.finding("batch norm - plain, tanh").verdict == Verdict::supported));
      BOOST_TEST((exploded.finding("spread of the layers' gradients, plain - batch norm, tanh").verdict ==
                  Verdict::not_shown),
                 "with a norm of " << bad << " at " << place);
      check_crash_free(exploded);
    }
  }
}

BOOST_AUTO_TEST_CASE(depth_judges_each_activation_by_itself) {
  Planted planted{"depth", 0.0};
  planted.change("bn", [](RunResult& run) {
    if (run.settings.factors.at("activation") == "sigmoid" && run.settings.factors.at("depth") == 40)
      run.epochs.back().validation.accuracy = 0.9;
  });
  BOOST_TEST((planted.finding("accuracy of deep networks, batch norm - plain, sigmoid").verdict ==
              Verdict::supported));
  BOOST_TEST(
      (planted.finding("accuracy of deep networks, batch norm - plain, tanh").verdict == Verdict::not_shown));
}

BOOST_AUTO_TEST_CASE(folding_that_changes_a_prediction_is_worth_nothing) {
  Planted planted{"inference"};
  BOOST_TEST((planted.finding("batch norm / folded").verdict == Verdict::supported));
  planted.runs[2].measures["folded_changed_predictions"] = {1.0};
  BOOST_TEST((planted.finding("batch norm / folded").verdict == Verdict::not_shown));
  BOOST_TEST((planted.judge().front().verdict == Verdict::supported));
  const auto note = planted.finding("batch norm / folded").note;
  BOOST_TEST(note.starts_with("1 prediction"), note);
}

BOOST_AUTO_TEST_CASE(statistics_are_judged_by_momentum_too) {
  Planted planted{"statistics", 0.0};
  for (auto& run : planted.runs)
    if (run.settings.factors.at("bn_momentum") == 0.001) run.measures["moving_loss"] = {2.5, 1.5, 0.5};
  BOOST_TEST(planted.finding("population, momentum 0.001").effect.mean == 1.0,
             boost::test_tools::tolerance(1e-3));
  BOOST_TEST((planted.finding("population, momentum 0.001").verdict == Verdict::supported));
  BOOST_TEST((planted.finding("population, momentum 0.1").verdict == Verdict::not_shown));
  BOOST_TEST(planted.judge().front().effect.mean == 1.0 / 3.0, boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(naive_batch_norm_must_be_worse_than_the_worst_of_the_others) {
  Planted planted{"recurrent"};
  planted.change("ln", [](RunResult& run) { run.epochs.back().validation.accuracy = 0.7; });
  BOOST_TEST((planted.judge().front().verdict == Verdict::contradicted));
  BOOST_TEST((planted.finding("plain - batch norm with shared").verdict == Verdict::supported));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
