// What the studies of starts, decay and curvature make of results whose effect is known.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/tools/runs/curves.hpp"
#include "keel/tools/runs/run_store.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr std::array names{"signal", "weight-decay", "sharpness", "landscape"};

BOOST_AUTO_TEST_SUITE(optimization_studies)

BOOST_AUTO_TEST_CASE(a_true_claim_is_supported_none_ruled_out_and_the_opposite_contradicted) {
  for (const char* name : names) {
    const auto& study = *find_study(name);
    BOOST_TEST(verdict_of(study, planted_runs(study, 1.0)) == "supported", name);
    BOOST_TEST(verdict_of(study, planted_runs(study, 0.0)) == "ruled out", name);
    BOOST_TEST(verdict_of(study, planted_runs(study, -1.0)) == "contradicted", name);
  }
}

BOOST_AUTO_TEST_CASE(no_more_findings_than_the_claims_need) {
  for (const char* name : names) {
    const auto& study = *find_study(name);
    BOOST_TEST(study.judge(planted_runs(study, 1.0)).size() <= 5U, name);
  }
}

// What holds for a data set alone is no part of what a study says.
BOOST_AUTO_TEST_CASE(texts_hold_for_any_data) {
  for (const char* name : names) {
    const auto& study = *find_study(name);
    for (const auto& text : {study.claim(), study.experiment()})
      for (const char* word : {"MNIST", "784", "digit"})
        BOOST_TEST(text.find(word) == std::string::npos, text);
  }
}

BOOST_AUTO_TEST_CASE(a_study_of_few_images_takes_as_many_as_there_are) {
  for (const char* name : names) {
    std::set<std::string> described;
    for (const auto& job : find_study(name)->jobs({.data = tiny_data(), .seeds = 1, .limit = 24}))
      BOOST_TEST(described.insert(describe(job.settings)).second, describe(job.settings));
  }
}

// A run that did not come down to the loss at which arms are compared has no place in the comparison.
BOOST_AUTO_TEST_CASE(runs_that_do_not_reach_the_loss_show_nothing_and_are_told_of) {
  const auto& sharpness = *find_study("sharpness");
  auto runs = planted_runs(sharpness, 1.0);
  for (auto& run : runs)
    if (run.measures.contains("reached") && run.settings.seed == 2) run.measures["reached"] = {0.0};
  const auto finding = sharpness.judge(runs).front();
  BOOST_TEST(name_of(finding.verdict) == "not shown");
  BOOST_TEST(finding.note.find("3 runs") != std::string::npos, finding.note);

  const auto& landscape = *find_study("landscape");
  runs = planted_runs(landscape, 1.0);
  for (auto& run : runs)
    if (run.settings.model == "he" && run.settings.seed == 2)
      for (auto& [name, values] : run.measures) values.resize(2);
  const auto other = landscape.judge(runs).front();
  BOOST_TEST(name_of(other.verdict) == "not shown");
  BOOST_TEST(other.note.find("1 run ") != std::string::npos, other.note);
}

// Equal paths, as of powers of two, have no ratio but by the resolution of losses.
BOOST_AUTO_TEST_CASE(paths_that_are_equal_in_every_bit_count_as_apart_by_rounding) {
  const auto& study = *find_study("weight-decay");
  auto runs = planted_runs(study, 1.0);
  for (auto& run : runs)
    if (run.settings.model == "bn-bare") run.measures["loss"] = {1.0, 1.0};
  const auto finding = study.judge(runs).front();
  BOOST_TEST(name_of(finding.verdict) == "supported");
  BOOST_TEST(finding.effect.mean == 0.1 / 1e-7, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(curves_are_means_by_place_or_by_another_series) {
  std::vector<RunResult> runs(2);
  runs[0].measures = {{"x", {10.0, 20.0}}, {"y", {1.0, 4.0}}};
  runs[1].measures = {{"x", {10.0}}, {"y", {4.0, std::nan("")}}};
  const RunFilter all = [](const RunResult&) { return true; };
  const auto geometric = geometric_curve(runs, all, "y", "x");
  BOOST_TEST_REQUIRE(geometric.size() == 2U);
  BOOST_TEST((geometric[0].x == 10.0 && geometric[1].x == 20.0));
  BOOST_TEST(geometric[0].y == 2.0, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(geometric[1].y == 4.0, boost::test_tools::tolerance(1e-12));
  const auto arithmetic = mean_curve(runs, all, "y");
  BOOST_TEST_REQUIRE(arithmetic.size() == 2U);
  BOOST_TEST((arithmetic[0].x == 1.0 && arithmetic[0].y == 2.5 && arithmetic[1].y == 4.0));
  BOOST_TEST(interval_text({.y = 1.5, .low = 1.25, .high = 1.75}, 2) == "1.50 [1.25, 1.75]");
  BOOST_TEST(interval_text({.y = 1.5}, 1) == "1.5");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
