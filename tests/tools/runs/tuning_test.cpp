// Learning rates are chosen on seeds that no verdict sees.

#include "keel/tools/runs/tuning.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "../../support/study_support.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/expected_time.hpp"
#include "keel/tools/runs/judgement.hpp"
#include "keel/tools/studies/comparison.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

RunResult tried(const std::string& arm, double rate, std::uint64_t seed, double accuracy) {
  RunResult run{
      .settings = {.study = "choice", .model = arm, .learning_rate = rate, .seed = seed, .tuning = true}};
  run.epochs.push_back({.epoch = 1, .validation = {1.0, accuracy}});
  return run;
}

Comparison planted() {
  Comparison choice;
  choice.name = "choice";
  choice.claim = "One arm is better.";
  choice.arm = "a";
  choice.baseline = "b";
  choice.beside = {"c"};
  choice.labels = {{"c", "the third"}};
  choice.rates = {0.1, 1.0, 10.0};
  choice.common_rate = 1.0;
  choice.endpoint = {.name = "accuracy", .unit = "points", .least = 1.0};
  // The arm does best at 10, the others at 0.1; by a point.
  choice.run = [](const RunSettings& settings, const RunContext&) -> std::optional<RunResult> {
    const bool best = settings.learning_rate == (settings.model == "a" ? 10.0 : 0.1);
    RunResult run{.settings = settings};
    run.epochs.push_back(
        {.epoch = 1, .validation = {1.0, (best ? 0.8 : 0.7) + (settings.model == "a" ? 0.05 : 0.0)}});
    return run;
  };
  return choice;
}

std::vector<RunResult> done(const std::vector<Job>& jobs) {
  std::vector<RunResult> runs;
  for (const auto& job : jobs) runs.push_back(*job.run(job.settings, {.data = tiny_data(), .stop = {}}));
  return runs;
}

BOOST_AUTO_TEST_SUITE(tuning)

BOOST_AUTO_TEST_CASE(seeds_that_choose_are_never_judged) {
  for (const bool quick : {false, true}) {
    const StudyScale scale{.data = tiny_data(), .first_seed = 3, .seeds = 100'000, .quick = quick};
    const auto judged = seeds_of(scale);
    for (const auto seed : tuning_seeds_of(scale)) BOOST_TEST(std::ranges::count(judged, seed) == 0);
    BOOST_TEST(tuning_seeds_of(scale).size() == (quick ? 2U : 3U));
  }
}

BOOST_AUTO_TEST_CASE(the_rate_with_the_highest_mean_is_chosen) {
  const std::vector<RunResult> runs{tried("a", 0.1, 1, 0.5), tried("a", 0.1, 2, 0.9), tried("a", 1.0, 1, 0.8),
                                    tried("a", 1.0, 2, 0.8), tried("b", 9.0, 1, 1.0)};
  BOOST_TEST(tuned_rate(runs, of_model("a")) == 1.0);
  BOOST_TEST(tuned_rate(runs, of_model("b")) == 9.0);
  BOOST_CHECK_THROW((void)tuned_rate(runs, of_model("c")), Error);
  // Of equals the lowest; what is not finite is nothing.
  const std::vector<RunResult> equal{tried("a", 0.1, 1, 0.5), tried("a", 0.3, 1, 0.5),
                                     tried("a", 1.0, 1, std::nan(""))};
  BOOST_TEST(tuned_rate(equal, of_model("a")) == 0.1);
  // A run that is judged is none to choose by.
  auto judged = tried("a", 5.0, 1, 1.0);
  judged.settings.tuning = false;
  BOOST_CHECK_THROW((void)tuned_rate(std::vector{judged}, of_model("a")), Error);
  BOOST_TEST(is_judged(judged));
  BOOST_TEST(!is_judged(runs[0]));
  judged.settings.precision = DType::f64;
  BOOST_TEST(!is_judged(judged));
}

BOOST_AUTO_TEST_CASE(a_comparison_holds_each_arm_at_its_rate_and_all_at_one) {
  const auto study = comparison_study(planted());
  StudyScale scale{.data = tiny_data(), .seeds = 6};
  const auto tried_out = done(study->tuning_jobs(scale));
  BOOST_TEST(tried_out.size() == 3U * 3U * 3U);
  scale.tuning = tried_out;
  const auto runs = done(study->jobs(scale));
  BOOST_TEST(runs.size() == 3U * 2U * 6U);
  for (const auto& run : runs) {
    const bool tuned = run.settings.factors.at("rate") == "tuned";
    BOOST_TEST(run.settings.learning_rate == (!tuned ? 1.0 : run.settings.model == "a" ? 10.0 : 0.1));
  }
  const auto findings = study->judge(runs);
  BOOST_REQUIRE(findings.size() == 3U);
  BOOST_TEST(findings[0].effect.mean == 5.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST((findings[0].verdict == Verdict::supported));
  BOOST_TEST(findings[0].endpoint.claim == "One arm is better.");
  BOOST_TEST(findings[1].endpoint.claim == "One arm is better, at one learning rate for all.");
  BOOST_TEST(findings[2].effect.mean == 0.0);
  BOOST_TEST((findings[2].verdict == Verdict::ruled_out));
  BOOST_TEST(findings[2].endpoint.claim == "The same holds of the third.");
  BOOST_REQUIRE(study->figures(runs).size() == 1U);
  BOOST_TEST(study->figures(runs)[0].series.size() == 3U);
}

// A study's runs that choose, and those in f64, are not its runs in a verdict.
BOOST_AUTO_TEST_CASE(verdicts_see_judged_runs_alone) {
  const auto study = comparison_study(planted());
  StudyScale scale{.data = tiny_data(), .seeds = 6};
  auto runs = done(study->tuning_jobs(scale));
  scale.tuning = runs;
  const auto judged = done(study->jobs(scale));
  const auto chosen_by = runs.size();
  runs.insert(runs.end(), judged.begin(), judged.end());
  BOOST_TEST(runs_of(runs, *study).size() == runs.size() - chosen_by);
  const std::array<const Study*, 1> one{study.get()};
  BOOST_TEST(judge_all(one, runs)[0].findings[0].values.size() == 6U);
}

BOOST_AUTO_TEST_CASE(what_it_takes_counts_every_run_and_shares_them_out) {
  const auto study = comparison_study(planted());
  const auto jobs = expected_jobs(*study, {.data = tiny_data(), .seeds = 6});
  BOOST_TEST(count_runs(jobs) == 27U + 36U);
  std::vector<Job> some(5);
  for (auto& job : some) job.cost = 2.0;
  BOOST_TEST(expected_seconds(some, 1, 1.0) == 10.0);
  BOOST_TEST(expected_seconds(some, 2, 1.0) == 5.0);
  BOOST_TEST(expected_seconds(some, 100, 3.0) == 6.0);  // no faster than the longest
  some[0].alone = true;
  BOOST_TEST(expected_seconds(some, 2, 1.0) == 6.0);
  BOOST_TEST(machine_factor(tiny_data(), 1, {}) > 0.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
