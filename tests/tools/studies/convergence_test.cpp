// Steps to a target of runs that never get there, and which target that is.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "../../support/planted_study.hpp"
#include "../../support/study_support.hpp"
#include "keel/tools/runs/judgement.hpp"
#include "keel/tools/runs/tuning.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
using Kind = Observation::Kind;

constexpr auto to_97 = "steps to 97 %, plain / batch norm, relu 2 x 128, each at its own rate";

// It was never better than 95 %, or than 94 %.
void never_arrive_at(RunResult& run, int percent) {
  auto& accuracy = run.measures["accuracy"];
  for (auto& each : accuracy) each = std::min(each, percent / 100.0 - 0.01);
}

std::size_t count_kind(const Finding& finding, Kind kind) {
  return static_cast<std::size_t>(std::ranges::count(finding.values, kind, &Observation::kind));
}

// The tuning runs with these changes, and the judged jobs that they lead to.
std::vector<Job> jobs_after(const std::function<void(RunResult&)>& change) {
  const auto& study = *find_study("convergence");
  StudyScale scale{.data = tiny_data(), .seeds = 1};
  std::vector<RunResult> tuning;
  for (const auto& job : study.tuning_jobs(scale)) {
    tuning.push_back(planted_run(job.settings, 1.0));
    change(tuning.back());
  }
  scale.tuning = tuning;
  return study.jobs(scale);
}

BOOST_AUTO_TEST_SUITE(convergence)

BOOST_AUTO_TEST_CASE(the_study_is_judged_by_one_network_and_target_with_both_arms_tuned) {
  const Planted planted{"convergence"};
  const auto findings = planted.judge();
  BOOST_REQUIRE(findings.size() == 10U);
  BOOST_TEST(findings.front().endpoint.name == to_97);
  for (const auto& finding : findings) {
    BOOST_TEST(finding.effect.mean == 2.0, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(finding.note == "");
  }
}

BOOST_AUTO_TEST_CASE(networks_that_disagree_are_not_pooled) {
  Planted planted{"convergence"};
  for (auto& run : planted.runs)
    if (run.settings.model == "bn" && run.settings.factors.at("network") == "sigmoid 3 x 100")
      for (auto& step : run.measures["steps"]) step *= 4.0;
  BOOST_TEST(planted.judge().front().effect.mean == 2.0, boost::test_tools::tolerance(1e-6));
  BOOST_TEST((planted.judge().front().verdict == Verdict::supported));
  BOOST_TEST((planted.finding("97 %, plain / batch norm, sigmoid 3 x 100").verdict == Verdict::contradicted));
}

// Plain networks, of 2,000 steps at most, stay below 97 %; batch norm takes 300 there.
BOOST_AUTO_TEST_CASE(plain_runs_that_never_arrive_bound_the_ratio_from_below) {
  Planted planted{"convergence"};
  planted.change("plain", [](RunResult& run) { never_arrive_at(run, 97); });
  const auto bound = planted.finding(to_97);
  BOOST_TEST(count_kind(bound, Kind::at_least) == 6U);
  BOOST_TEST(bound.effect.mean == 2000.0 / 300.0, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(bound.effect.low.has_value());
  BOOST_TEST(!bound.effect.high.has_value());
  BOOST_TEST((bound.verdict == Verdict::supported));
  check_note(bound.note, {"6 of 6 runs of plain never got there"});
  const auto reached = planted.finding("steps to 95 %, plain / batch norm");
  BOOST_TEST(count_kind(reached, Kind::exact) == 6U);
  BOOST_TEST(reached.note == "");
  check_crash_free(planted);
}

BOOST_AUTO_TEST_CASE(batch_norm_that_never_arrives_bounds_it_from_above) {
  Planted planted{"convergence"};
  planted.change("bn", [](RunResult& run) { never_arrive_at(run, 97); });
  const auto finding = planted.finding(to_97);
  BOOST_TEST(count_kind(finding, Kind::at_most) == 6U);
  BOOST_TEST(finding.effect.mean == 600.0 / 2000.0, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(!finding.effect.low.has_value());
  BOOST_TEST((finding.verdict == Verdict::contradicted));
}

BOOST_AUTO_TEST_CASE(where_no_arm_arrives_nothing_is_known) {
  Planted planted{"convergence"};
  for (const char* model : {"plain", "bn", "he", "ln"})
    planted.change(model, [](RunResult& run) { never_arrive_at(run, 95); });
  const std::vector studies{&planted.study};
  const auto judgements = judge_all(studies, planted.runs);
  for (const auto& finding : judgements.front().findings) {
    BOOST_TEST(count_kind(finding, Kind::unknown) == 6U);
    BOOST_TEST((finding.verdict == Verdict::not_shown));
  }
  check_note(planted.finding("steps to 95 %").note, {"6 of 6 runs of plain", "6 of 6 runs of batch norm"});
  check_crash_free(planted);
}

BOOST_AUTO_TEST_CASE(a_single_run_that_never_arrives_is_a_bound_among_values) {
  Planted planted{"convergence"};
  never_arrive_at(planted.runs.front(), 97);
  const auto finding = planted.finding(to_97);
  check_note(finding.note, {"1 of 6 runs of plain"});
  BOOST_TEST((finding.values[0].kind == Kind::at_least));
  BOOST_TEST(finding.values[0].value == 2000.0 / 300.0, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(finding.values[1].value == 2.0, boost::test_tools::tolerance(1e-3));
  BOOST_TEST((finding.values[1].kind == Kind::exact));
}

BOOST_AUTO_TEST_CASE(each_arm_has_the_rate_by_which_it_is_first_at_the_target) {
  const auto jobs = jobs_after([](RunResult& run) {
    const bool is_best = run.settings.learning_rate == (run.settings.model == "bn" ? 0.3 : 0.1);
    if (!is_best)
      for (auto& step : run.measures["steps"]) step *= 1.5;
  });
  for (const auto& job : jobs) {
    if (job.settings.factors.at("rate") == "common") continue;
    BOOST_TEST(job.settings.learning_rate == (job.settings.model == "bn" ? 0.3 : 0.1),
               describe(job.settings));
  }
}

BOOST_AUTO_TEST_CASE(on_hard_data_the_target_is_the_highest_that_an_arm_reaches_when_rates_are_chosen) {
  const auto targets_after = [](const std::function<void(RunResult&)>& change) {
    std::set<std::pair<std::int64_t, std::int64_t>> targets;
    for (const auto& job : jobs_after(change))
      targets.emplace(job.settings.factors.at("target").whole(), job.settings.factors.at("easier").whole());
    return targets;
  };
  using Targets = std::set<std::pair<std::int64_t, std::int64_t>>;
  BOOST_TEST((targets_after([](RunResult&) {}) == Targets{{97, 95}}));
  const auto below_86 = [](RunResult& run) { never_arrive_at(run, 87); };
  BOOST_TEST((targets_after(below_86) == Targets{{85, 80}}));
  BOOST_TEST((targets_after([](RunResult& run) {
                run.measures["accuracy"] = {0.0, 0.0, 0.0};
              }) == Targets{{10, 10}}));
  // One arm at one rate is enough, but on all seeds.
  BOOST_TEST((targets_after([&](RunResult& run) {
                if (run.settings.model != "ln" || run.settings.learning_rate != 0.3) below_86(run);
              }) == Targets{{97, 95}}));
  BOOST_TEST((targets_after([&](RunResult& run) {
                if (run.settings.seed % 2 == 0) below_86(run);
              }) == Targets{{85, 80}}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
