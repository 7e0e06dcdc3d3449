// Runs whose numbers are in doubt, and what becomes of verdicts that rest on them.

#include "keel/tools/runs/health.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "../../support/planted_runs.hpp"
#include "keel/tools/runs/judgement.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/training/health.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr double infinite = std::numeric_limits<double>::infinity();

RunResult run_with(double smallest_variance, double gradient, double gradient_below_epsilon) {
  RunResult run{.settings = {.model = "bn"}};
  run.measures = {{smallest_variance_measure, {smallest_variance}}, {largest_gradient_measure, {gradient}}};
  if (smallest_variance < 1.0) run.measures[gradient_below_epsilon_measure] = {gradient_below_epsilon};
  return run;
}

std::vector<RunResult> runs_of_which(std::size_t doubtful, std::size_t all) {
  std::vector<RunResult> runs;
  for (std::size_t i = 0; i < all; ++i)
    runs.push_back(i < doubtful ? run_with(0.0, 1000.0, 1000.0) : run_with(0.0, 1000.0, 2.0));
  return runs;
}

RunResult with_accuracy(double accuracy, std::optional<double> in_f64 = {}) {
  RunResult run;
  run.epochs.push_back({.epoch = 1, .validation = {0.1, accuracy}});
  if (in_f64) run.measures["f64"] = {*in_f64};
  return run;
}

BOOST_AUTO_TEST_SUITE(run_health)

BOOST_AUTO_TEST_CASE(a_variance_below_epsilon_is_a_fault_where_the_gradient_is_blown_up_by_it) {
  BOOST_TEST(is_in_doubt(run_with(0.0, 1000.0, 1000.0)));
  BOOST_TEST(is_in_doubt(run_with(0.5, 400.0, 317.0)));
  BOOST_TEST(!is_in_doubt(run_with(0.0, 1000.0, 2.0)));
  BOOST_TEST(!is_in_doubt(run_with(20.0, 1e6, 0.0)));
  BOOST_TEST(!is_in_doubt(RunResult{}));
}

// As NaN they come back from results.json.
BOOST_AUTO_TEST_CASE(what_is_not_finite_is_a_fault_unless_the_run_diverged) {
  for (const double bad : {infinite, std::nan("")}) {
    for (auto run : {run_with(20.0, bad, 0.0), run_with(bad, 1.0, 0.0)}) {
      BOOST_TEST(is_in_doubt(run));
      run.diverged = true;
      BOOST_TEST(!is_in_doubt(run));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_quarter_of_a_models_runs_makes_a_fault) {
  BOOST_TEST(numerical_fault({}) == "");
  BOOST_TEST(numerical_fault(runs_of_which(0, 8)) == "");
  BOOST_TEST(numerical_fault(runs_of_which(1, 8)) == "");
  const auto fault = numerical_fault(runs_of_which(2, 8));
  BOOST_TEST(fault.starts_with("in 2 of 8 runs of batch norm "), fault);
  auto runs = runs_of_which(2, 8);
  for (int i = 0; i < 20; ++i) runs.push_back({.settings = {.model = "plain"}});
  BOOST_TEST(numerical_fault(runs) == fault);
}

BOOST_AUTO_TEST_CASE(verdicts_by_runs_in_doubt_are_withheld) {
  const std::vector<const Study*> one{find_study("learning-rate")};
  auto runs = planted_runs(*one[0], 1.0);
  BOOST_TEST((judge_all(one, runs)[0].findings[0].verdict == Verdict::supported));
  for (auto& run : runs) {
    if (run.settings.model != "bn") continue;
    run.measures[smallest_variance_measure] = {0.0};
    run.measures[gradient_below_epsilon_measure] = {1e4};
    run.diverged = false;
  }
  const auto judgements = judge_all(one, runs);
  for (const auto& finding : judgements[0].findings) {
    BOOST_TEST((finding.verdict == Verdict::not_shown));
    BOOST_TEST(finding.withheld.find("epsilon") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_verdict_that_is_withheld_keeps_its_first_reason) {
  Finding finding{.verdict = Verdict::supported};
  withhold(finding, "");
  BOOST_TEST((finding.verdict == Verdict::supported));
  withhold(finding, "first");
  withhold(finding, "second");
  BOOST_TEST((finding.verdict == Verdict::not_shown));
  BOOST_TEST(finding.withheld == "first");
}

// Accuracies of 0.5, 0.6, 0.7 and 0.8 have a standard deviation of 0.129; of two means over two seeds that
// allows 0.258.
BOOST_AUTO_TEST_CASE(precisions_agree_within_two_standard_deviations_of_the_seeds) {
  for (const double apart : {0.0, 0.25, -0.25, 0.27, -0.27}) {
    const std::vector runs{with_accuracy(0.5, 0.5 + apart), with_accuracy(0.6, 0.6 + apart),
                           with_accuracy(0.7), with_accuracy(0.8)};
    const auto repeat = precision_repeat(runs, final_accuracy, "f64");
    BOOST_REQUIRE(repeat.has_value());
    BOOST_TEST(repeat->seeds == 2U);
    BOOST_TEST(repeat->f32 == 0.55, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(repeat->f64 == 0.55 + apart, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(repeat->agree() == (std::abs(apart) < 0.26), apart);
  }
  BOOST_TEST(!precision_repeat(std::vector{with_accuracy(0.5)}, final_accuracy, "f64"));
  // What diverged in f64 alone does not agree.
  const std::vector lost{with_accuracy(0.5, std::nan("")), with_accuracy(0.6), with_accuracy(0.7)};
  BOOST_TEST(!precision_repeat(lost, final_accuracy, "f64")->agree());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
