// The study of ghost batches on runs of which all is known.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/training/ghost_noise.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

const Study& ghost() {
  return *find_study("ghost");
}

BOOST_AUTO_TEST_SUITE(ghost_study)

// Both kinds of noise have 0.8 of the test loss, so neither does more than the other.
BOOST_AUTO_TEST_CASE(gains_are_ratios_of_test_losses_at_the_same_training_loss) {
  const auto findings = ghost().judge(planted_runs(ghost(), 1.0));
  BOOST_REQUIRE(findings.size() == 5U);
  BOOST_TEST(findings[0].effect.mean == 1.25, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(findings[1].effect.mean == 1.25, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(findings[2].effect.mean == 1.0, boost::test_tools::tolerance(1e-3));
  BOOST_TEST((findings[2].verdict == Verdict::ruled_out));
  BOOST_TEST(findings[3].effect.mean == 1.25, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(findings[4].effect.mean == 1.0, boost::test_tools::tolerance(1e-1));
}

// A rate of its own gives an arm a lower test loss at equal fit by itself: what it does is another finding.
BOOST_AUTO_TEST_CASE(effects_of_noise_are_judged_at_one_rate) {
  auto runs = planted_runs(ghost(), 1.0);
  for (auto& run : runs)
    if (run.settings.factors.at("rate") == "tuned" && run.settings.model == "ghost")
      for (auto& loss : run.measures.at("test_loss")) loss *= 0.5;
  const auto findings = ghost().judge(runs);
  BOOST_TEST(findings[0].effect.mean == 1.25, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(findings[3].effect.mean == 2.5, boost::test_tools::tolerance(1e-3));
}

// The runs with noise end at a training loss of 0.2, where their test loss is 0.4; that of the others is 0.5
// there.
BOOST_AUTO_TEST_CASE(a_run_that_does_not_fit_is_compared_where_it_ends) {
  auto runs = planted_runs(ghost(), 1.0);
  for (auto& run : runs) {
    if (run.settings.model != "ghost") continue;
    run.measures["train_loss"] = {1.0, 0.4, 0.3, 0.2};
    run.measures["test_loss"] = {1.0, 0.6, 0.5, 0.4};
  }
  const auto finding = ghost().judge(runs).front();
  BOOST_TEST(finding.effect.mean == 0.5 / 0.4, boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(the_pictures_have_a_point_for_each_size_at_its_noise) {
  const auto figures = ghost().figures(planted_runs(ghost(), 1.0));
  BOOST_REQUIRE(figures.size() == 2U);
  for (const auto& figure : figures) {
    BOOST_REQUIRE(figure.series.size() == 2U);
    for (const auto& series : figure.series) {
      BOOST_REQUIRE(series.points.size() == 5U);
      BOOST_TEST(series.points.front().x == 1.5 / 64.0, boost::test_tools::tolerance(1e-9));
      BOOST_TEST(series.points.back().x == 1.5 / 2.0, boost::test_tools::tolerance(1e-9));
    }
  }
  for (const auto& point : figures[0].series[0].points)
    BOOST_TEST(point.y == 1.25, boost::test_tools::tolerance(1e-3));
}

// A real run of each kind: the noise of layer norm is as it was asked for, that of ghost batches what it
// came to.
BOOST_AUTO_TEST_CASE(the_noise_of_a_run_is_measured) {
  const ThreadLimit one_thread{1};
  std::map<std::string, double> noises;
  for (const auto& job : judged_jobs(ghost(), {.data = tiny_data(), .seeds = 1})) {
    const auto* size = job.settings.factors.find("ghost_size");
    if ((size != nullptr && *size != 8) || noises.contains(job.settings.model)) continue;
    auto settings = job.settings;
    settings.epochs = 2;
    const auto run = job.run(settings, {.data = tiny_data(), .stop = {}});
    BOOST_REQUIRE(run.has_value());
    noises[settings.model] = run->measures.at("noise")[0];
  }
  BOOST_TEST(noises.at("bn") == 0.0);
  BOOST_TEST(noises.at("ln") == 0.0);
  BOOST_TEST(noises.at("noisy-ln") == ghost_noise_power(8));
  // The values of a layer that are sums of many pixels are nearly normal.
  BOOST_TEST(noises.at("ghost") == ghost_noise_power(8), boost::test_tools::tolerance(0.2));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
