// The study of batch norm's statistics in inference.

#include <boost/test/unit_test.hpp>

#include "../../support/planted_runs.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

BOOST_AUTO_TEST_SUITE(statistics_study)

// What lies before the end counts in the table alone.
BOOST_AUTO_TEST_CASE(each_momentum_is_judged_at_the_end_of_training) {
  const auto& study = *find_study("statistics");
  auto runs = planted_runs(study, 0.0, 12);
  for (auto& run : runs) {
    run.measures["moving_0.1_loss"] = {2.5, 1.5, run.measures["moving_0.1_loss"][2]};
    run.measures["moving_0.001_loss"] = {0.5, 0.5, 1.5};
  }
  const auto findings = study.judge(runs);
  BOOST_REQUIRE(findings.size() == 6U);
  BOOST_TEST(name_of(findings[0].verdict) == "ruled out");  // momentum 0.1
  BOOST_TEST(name_of(findings[1].verdict) == "ruled out");  // 0.01
  BOOST_TEST(name_of(findings[2].verdict) == "supported");  // 0.001
  BOOST_TEST(findings[2].effect.mean == 1.0, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(name_of(findings[3].verdict) == "supported");  // which bias correction takes back
  BOOST_TEST(name_of(findings[4].verdict) == "ruled out");  // all of it
}

BOOST_AUTO_TEST_CASE(the_table_counts_cells) {
  const auto& study = *find_study("statistics");
  auto runs = planted_runs(study, 0.0, 12);
  for (auto& run : runs) {
    const double jitter = run.settings.seed % 2 == 0 ? 1e-4 : -1e-4;
    run.measures["moving_0.1_loss"] = {2.5 + jitter, 1.5 + jitter, 0.4 + jitter};
  }
  const auto tables = study.tables(runs);
  BOOST_REQUIRE(tables.size() == 3U);
  BOOST_TEST(tables[0].title.ends_with("2 of 9 cells hold, 1 speaks against"), tables[0].title);
  BOOST_TEST(tables[0].rows[2].front() == "momentum 0.1, 1000 steps");
  BOOST_TEST(tables[0].rows[2].back() == "contradicted");
  BOOST_TEST(tables[1].title.ends_with("0 of 9 cells hold, 0 speak against"), tables[1].title);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
