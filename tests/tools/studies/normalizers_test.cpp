// The study of normalizers on runs of which all is known.

#include "keel/tools/studies/normalizers.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <set>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
using Kind = Observation::Kind;

const Study& normalizers() {
  return *find_study("normalizers");
}

// Those of an arm that never get to 97 %.
std::vector<RunResult> without_arrival(std::vector<RunResult> runs, const std::set<std::string>& arms) {
  for (auto& run : runs)
    if (arms.contains(run.settings.model)) run.measures.erase("steps_to_97");
  return runs;
}

Finding finding_of(std::span<const RunResult> runs, const std::string& part) {
  for (auto& finding : normalizers().judge(runs))
    if (finding.endpoint.name.find(part) != std::string::npos) return finding;
  throw std::out_of_range{part};
}

BOOST_AUTO_TEST_SUITE(normalizers_study)

// 400 steps against 200, whatever the other arm and the optimizer.
BOOST_AUTO_TEST_CASE(each_rival_is_held_against_batch_norm_by_its_steps) {
  const auto findings = normalizers().judge(planted_runs(normalizers(), 1.0));
  BOOST_REQUIRE(findings.size() == 6U);
  BOOST_TEST(findings[0].endpoint.name == "steps to 97 %, layer norm / batch norm, SGD");
  for (std::size_t i = 0; i < 5; ++i) {
    BOOST_TEST(findings[i].effect.mean == 2.0, boost::test_tools::tolerance(1e-3));
    BOOST_TEST(findings[i].endpoint.claim.find('{') == std::string::npos);
  }
  BOOST_TEST(findings[5].effect.mean == 1.0, boost::test_tools::tolerance(1e-2));
  BOOST_TEST(findings[5].endpoint.unit == "points");
}

BOOST_AUTO_TEST_CASE(arms_that_are_as_fast_rule_the_claim_out) {
  const auto finding = normalizers().judge(planted_runs(normalizers(), 0.0)).front();
  BOOST_TEST((finding.verdict == Verdict::ruled_out));
}

// 900 steps were not enough, where batch norm took 200: at least 4.5 times.
BOOST_AUTO_TEST_CASE(a_rival_that_never_arrives_bounds_the_ratio_from_below) {
  const auto finding =
      finding_of(without_arrival(planted_runs(normalizers(), 1.0), {"ln"}), "layer norm / batch norm, SGD");
  for (const auto& value : finding.values) {
    BOOST_TEST((value.kind == Kind::at_least));
    BOOST_TEST(value.value == 4.5, boost::test_tools::tolerance(1e-3));
  }
  BOOST_TEST((finding.verdict == Verdict::supported));
  BOOST_TEST(!finding.effect.high_corrected.has_value());
}

BOOST_AUTO_TEST_CASE(batch_norm_that_never_arrives_bounds_it_from_above) {
  const auto finding = normalizers().judge(without_arrival(planted_runs(normalizers(), 1.0), {"bn"})).front();
  for (const auto& value : finding.values) BOOST_TEST((value.kind == Kind::at_most));
  BOOST_TEST((finding.verdict == Verdict::contradicted));
}

BOOST_AUTO_TEST_CASE(where_no_arm_arrives_nothing_is_known) {
  const auto runs =
      without_arrival(planted_runs(normalizers(), 1.0), {"bn", "ln", "he", "skip-init", "bn-bare"});
  for (const auto& finding : normalizers().judge(runs)) {
    if (finding.endpoint.unit != "times") continue;
    for (const auto& value : finding.values) BOOST_TEST((value.kind == Kind::unknown));
    BOOST_TEST((finding.verdict == Verdict::not_shown));
  }
  const auto tables = normalizers().tables(runs);
  BOOST_TEST(tables[0].rows.back()[1] == "at least 900");
}

// The tuning runs get there soonest at 0.04 and 0.003, and end best elsewhere.
BOOST_AUTO_TEST_CASE(each_arm_has_the_rate_that_takes_it_there_soonest) {
  StudyScale scale{.data = tiny_data(), .seeds = 1};
  std::vector<RunResult> tuning;
  for (const auto& job : normalizers().tuning_jobs(scale)) {
    BOOST_TEST(job.settings.tuning);
    auto run = planted_run(job.settings, 0.0);
    const double rate = job.settings.learning_rate;
    run.measures["steps_to_97"] = {std::abs(rate - 0.04) < 1e-9 || std::abs(rate - 0.003) < 1e-9 ? 100.0
                                                                                                 : 300.0};
    run.epochs.back().validation.accuracy = std::abs(rate - 0.012) < 1e-9 ? 0.99 : 0.9;
    tuning.push_back(std::move(run));
  }
  scale.tuning = tuning;
  std::map<std::string, std::size_t> checked;
  for (const auto& job : normalizers().jobs(scale)) {
    const auto& factors = job.settings.factors;
    const bool sgd = factors.at("optimizer") == "SGD";
    const double common = sgd ? 0.012 : 0.001;
    const double tuned = sgd ? 0.04 : 0.003;
    BOOST_TEST(job.settings.learning_rate == (factors.at("rate") == "common" ? common : tuned),
               boost::test_tools::tolerance(1e-9));
    BOOST_TEST(job.settings.optimizer == (sgd ? "sgd" : "adam"));
    ++checked[factors.at("optimizer").word() + factors.at("rate").word()];
  }
  const std::map<std::string, std::size_t> expected{
      {"SGDtuned", 9}, {"SGDcommon", 4}, {"Adamtuned", 4}, {"Adamcommon", 4}};
  BOOST_TEST((checked == expected));
}

// Of two rates neither of which gets there, the more accurate; of one that does and one that does not, that
// one.
BOOST_AUTO_TEST_CASE(a_rate_that_gets_there_is_before_one_that_does_not) {
  for (const bool arrives : {false, true}) {
    StudyScale scale{.data = tiny_data(), .seeds = 1, .quick = true};
    std::vector<RunResult> tuning;
    for (const auto& job : normalizers().tuning_jobs(scale)) {
      auto run = planted_run(job.settings, 0.0);
      const bool low = job.settings.learning_rate < 0.02;
      if (!arrives || low) run.measures.erase("steps_to_97");
      run.epochs.back().validation.accuracy = low ? 0.96 : 0.95;
      tuning.push_back(std::move(run));
    }
    scale.tuning = tuning;
    for (const auto& job : normalizers().jobs(scale))
      BOOST_TEST((job.settings.learning_rate > 0.02) == arrives);
  }
}

BOOST_AUTO_TEST_CASE(quick_has_the_primary_and_no_empty_findings) {
  StudyScale scale{.data = tiny_data(), .seeds = 6, .quick = true};
  std::vector<RunResult> runs;
  for (const auto& job : judged_jobs(normalizers(), scale)) runs.push_back(planted_run(job.settings, 1.0));
  const auto findings = normalizers().judge(runs);
  BOOST_REQUIRE(findings.size() == 3U);
  BOOST_TEST(findings[0].endpoint.name == "steps to 97 %, layer norm / batch norm, SGD");
  for (const auto& figure : normalizers().figures(runs)) BOOST_TEST(!figure.series.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
