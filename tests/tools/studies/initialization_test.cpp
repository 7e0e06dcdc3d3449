// How many decades of the weights' start do well, each at a learning rate of its own.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "../../support/planted_study.hpp"
#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
using Kind = Observation::Kind;

bool all_of_kind(const Finding& finding, Kind kind) {
  return std::ranges::all_of(finding.values, [&](const auto& value) { return value.kind == kind; });
}

double start_of(const RunResult& run) {
  return run.settings.factors.at("sd").number();
}

BOOST_AUTO_TEST_SUITE(initialization_study)

// Five starts, in half decades, do well with batch norm, three without.
BOOST_AUTO_TEST_CASE(decades_of_good_starts_are_counted_and_no_finer_than_the_grid) {
  const Planted planted{"initialization"};
  const auto finding = planted.judge().front();
  BOOST_TEST(finding.effect.mean == 1.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(finding.endpoint.resolution == 0.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(*finding.effect.low == 0.75, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(*finding.effect.high == 1.25, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(planted.finding("batch norm - layer norm").effect.mean == 1.0,
             boost::test_tools::tolerance(1e-9));
  BOOST_TEST(planted.finding("layer norm - plain").effect.mean == 0.0);
  BOOST_TEST(planted.judge().size() == 4U);
}

// It is bad enough at either end of the grid: that end is arbitrary.
BOOST_AUTO_TEST_CASE(how_bad_the_worst_start_is_does_not_matter) {
  Planted planted{"initialization", 0.0};
  planted.change("plain", [](RunResult& run) {
    if (start_of(run) < 2e-4 || start_of(run) > 0.9) run.epochs.back().validation.accuracy = 0.1;
  });
  BOOST_TEST(planted.judge().front().effect.mean == 0.0);
}

BOOST_AUTO_TEST_CASE(good_starts_at_an_end_of_the_grid_are_a_bound) {
  for (const double end : {1e-4, 1.0}) {
    Planted planted{"initialization", 0.0};
    planted.change("bn", [&](RunResult& run) {
      if (start_of(run) == end) run.epochs.back().validation.accuracy = 0.9;
    });
    const auto finding = planted.judge().front();
    BOOST_TEST(all_of_kind(finding, Kind::at_least));
    BOOST_TEST(finding.effect.mean == 0.5, boost::test_tools::tolerance(1e-9));
    planted.change("plain", [&](RunResult& run) {
      if (start_of(run) == end) run.epochs.back().validation.accuracy = 0.9;
    });
    BOOST_TEST(all_of_kind(planted.judge().front(), Kind::unknown));
    check_crash_free(planted);
  }
}

BOOST_AUTO_TEST_CASE(a_start_that_diverges_does_not_do_well) {
  Planted planted{"initialization"};
  planted.change("bn", [](RunResult& run) {
    if (start_of(run) < 0.3 || start_of(run) > 0.4) return;
    run.diverged = true;
    run.test.reset();
    run.epochs.back().validation.loss = std::numeric_limits<double>::quiet_NaN();
  });
  BOOST_TEST(planted.judge().front().effect.mean == 0.5, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(every_start_has_the_rate_that_suits_it) {
  const auto& study = *find_study("initialization");
  StudyScale scale{.data = tiny_data(), .seeds = 1};
  std::vector<RunResult> tuning;
  const auto best_rate = [](const RunSettings& settings) {
    const auto* sd = settings.factors.find("sd");
    return sd == nullptr ? 0.1 : sd->number() > 0.05 ? 0.001 : 1.0;
  };
  for (const auto& job : study.tuning_jobs(scale)) {
    tuning.push_back(planted_run(job.settings, 1.0));
    const bool is_best = job.settings.learning_rate == best_rate(job.settings);
    tuning.back().epochs.back().validation.accuracy = is_best ? 0.8 : 0.7;
    // A run that diverged counts as nothing, whatever it came to.
    if (job.settings.learning_rate == 0.01) tuning.back().epochs.back().validation.accuracy = 0.99;
    tuning.back().diverged = job.settings.learning_rate == 0.01;
  }
  scale.tuning = tuning;
  for (const auto& job : study.jobs(scale)) {
    const bool is_tuned = job.settings.factors.at("rate") == "tuned";
    BOOST_TEST(job.settings.learning_rate == (is_tuned ? best_rate(job.settings) : 0.01),
               describe(job.settings));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
