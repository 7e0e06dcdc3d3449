// Runs that never reach their target, diverge, or lack what their study compares.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "../../support/planted_runs.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Planted {
  explicit Planted(const std::string& name, double effect = 1.0)
      : study{*find_study(name)}, runs{planted_runs(study, effect)} {}

  void change(const std::string& model, const std::function<void(RunResult&)>& change) {
    for (auto& run : runs)
      if (run.settings.model == model) change(run);
  }
  [[nodiscard]] std::vector<Finding> judge() const { return study.judge(runs); }
  [[nodiscard]] Finding finding(const std::string& part) const {
    for (auto& finding : judge())
      if (finding.endpoint.name.find(part) != std::string::npos) return finding;
    throw std::out_of_range{part};
  }

  const Study& study;
  std::vector<RunResult> runs;
};

void never_arrive(RunResult& run, const std::string& target) {
  run.measures.erase("steps_to_" + target);
  run.measures.erase("to_" + target + "_seconds");
}

void check_note(const std::string& note, const std::vector<std::string>& parts) {
  for (const auto& part : parts) BOOST_TEST(note.find(part) != std::string::npos, note);
}

void check_crash_free(const Planted& planted) {
  BOOST_TEST(!planted.study.figures(planted.runs).empty());
  planted.study.tables(planted.runs);
  BOOST_TEST(planted.study.summary(planted.runs).is_object());
}

BOOST_AUTO_TEST_SUITE(study_censoring)

BOOST_AUTO_TEST_CASE(convergence_takes_the_ratio_of_steps_over_both_networks_and_targets) {
  const Planted planted{"convergence"};
  const auto findings = planted.judge();
  BOOST_REQUIRE(findings.size() == 5U);
  for (const auto& finding : findings) {
    BOOST_TEST(finding.effect.mean == 2.0, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(finding.note == "");
  }
}

// The plain network of 1,000 steps at most stays below 97 %; batch norm takes 300 there.
BOOST_AUTO_TEST_CASE(a_plain_run_that_never_arrives_counts_with_all_its_steps) {
  Planted planted{"convergence"};
  planted.change("plain", [](RunResult& run) { never_arrive(run, "97"); });
  for (const char* network : {"sigmoid 3 x 100", "relu 2 x 128"}) {
    const auto bound = planted.finding(std::string{"steps to 97 %, plain / batch norm, "} + network);
    BOOST_TEST(bound.effect.mean == 1000.0 / 300.0, boost::test_tools::tolerance(1e-3));
    BOOST_TEST((bound.verdict == Verdict::supported));
    check_note(bound.note, {"6 of 6 ", "plain", "all their steps"});
    const auto reached = planted.finding(std::string{"steps to 95 %, plain / batch norm, "} + network);
    BOOST_TEST(reached.effect.mean == 2.0, boost::test_tools::tolerance(1e-3));
    BOOST_TEST(reached.note == "");
  }
  BOOST_TEST(planted.judge().front().effect.mean == std::sqrt(2.0 * 1000.0 / 300.0),
             boost::test_tools::tolerance(1e-3));
  check_crash_free(planted);
}

BOOST_AUTO_TEST_CASE(batch_norm_that_never_arrives_counts_against_it) {
  Planted planted{"convergence"};
  planted.change("bn", [](RunResult& run) {
    never_arrive(run, "95");
    never_arrive(run, "97");
  });
  BOOST_TEST(planted.finding("steps to 95 %").effect.mean == 0.4, boost::test_tools::tolerance(1e-3));
  BOOST_TEST((planted.judge().front().verdict == Verdict::contradicted));
}

BOOST_AUTO_TEST_CASE(where_no_arm_arrives_the_ratio_is_1) {
  Planted planted{"convergence"};
  for (const char* model : {"plain", "bn"}) {
    planted.change(model, [](RunResult& run) {
      never_arrive(run, "95");
      never_arrive(run, "97");
    });
  }
  for (const auto& finding : planted.judge()) {
    BOOST_TEST(finding.effect.mean == 1.0);
    BOOST_TEST((finding.verdict == Verdict::not_shown));
  }
  const auto note = planted.finding("steps to 95 %").note;
  check_note(note, {"6 of 6 ", "plain", "; 6 of 6 ", "batch norm"});
  check_crash_free(planted);
}

BOOST_AUTO_TEST_CASE(a_single_run_that_never_arrives_is_in_the_note) {
  Planted planted{"convergence"};
  never_arrive(planted.runs.front(), "97");
  const auto finding = planted.finding("steps to 97 %");
  check_note(finding.note, {"1 of 6 ", "plain"});
  BOOST_TEST(finding.values[0].value == 1000.0 / 300.0, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(finding.values[1].value == 2.0, boost::test_tools::tolerance(1e-3));
}

// Rates of half a decade's distance from 0.01 to 10; a plain network does well up to 0.1, batch norm to 1.
BOOST_AUTO_TEST_CASE(the_width_counts_rates_that_do_well_in_decades) {
  const Planted planted{"learning-rate"};
  BOOST_TEST(planted.finding("width").effect.mean == 1.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(planted.finding("highest rate").effect.mean == 1.0, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(a_rate_that_diverges_does_not_do_well_whatever_its_accuracy) {
  Planted planted{"learning-rate"};
  planted.change("bn", [](RunResult& run) {
    if (run.settings.learning_rate < 0.9) return;
    run.diverged = true;
    run.epochs.back().validation.accuracy = 0.95;
  });
  BOOST_TEST(planted.finding("width").effect.mean == 0.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(planted.finding("highest rate").effect.mean == 0.5, boost::test_tools::tolerance(1e-9));
  check_crash_free(planted);
}

BOOST_AUTO_TEST_CASE(an_arm_that_always_diverges_has_no_width) {
  Planted planted{"learning-rate"};
  planted.change("plain", [](RunResult& run) { run.diverged = true; });
  BOOST_TEST(planted.finding("width").effect.mean == 2.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST((planted.finding("width").verdict == Verdict::supported));
  check_crash_free(planted);
}

BOOST_AUTO_TEST_CASE(a_rate_within_one_point_of_the_best_does_well_and_one_below_does_not) {
  Planted planted{"learning-rate", 0.0};
  planted.change("bn", [](RunResult& run) {
    if (run.settings.learning_rate > 0.2 && run.settings.learning_rate < 0.4)
      run.epochs.back().validation.accuracy = 0.945;
    if (run.settings.learning_rate > 0.9 && run.settings.learning_rate < 1.1)
      run.epochs.back().validation.accuracy = 0.935;
  });
  BOOST_TEST(planted.finding("width").effect.mean == 0.5, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(the_worst_start_is_judged_even_if_its_run_diverged) {
  Planted planted{"initialization", 0.0};
  planted.change("bn", [](RunResult& run) {
    if (run.settings.factors.at("start") != "1e-4") return;
    run.diverged = true;
    run.test.reset();
    run.epochs.back().validation = {nan, 0.1};
  });
  BOOST_TEST(planted.judge().front().effect.mean == -40.0, boost::test_tools::tolerance(1e-3));
  BOOST_TEST((planted.judge().front().verdict == Verdict::contradicted));
}

// The training loss falls from 0.2 to 0.05, so half of the way in logarithms is 0.1.
BOOST_AUTO_TEST_CASE(test_losses_are_compared_where_the_training_losses_are_equal) {
  const Planted planted{"regularization"};
  for (const char* images : {"1000 images", "5000 images"}) {
    const auto finding =
        planted.finding(std::string{"test loss at equal training loss, plain - batch norm, "} + images);
    BOOST_TEST(finding.effect.mean == 0.1, boost::test_tools::tolerance(1e-6));
    BOOST_TEST((finding.verdict == Verdict::supported));
    BOOST_TEST(finding.note == "");
  }
}

// The plain run ends at a training loss of 0.2, where its test loss is 0.45; batch norm's is 0.4 there.
BOOST_AUTO_TEST_CASE(a_run_that_does_not_fit_is_compared_where_it_ends) {
  Planted planted{"regularization"};
  planted.runs.front().measures["train_loss"] = {1.0, 0.4, 0.3, 0.2};
  const auto finding = planted.finding("plain - batch norm, 1000 images");
  BOOST_TEST(finding.values[0].value == 0.05, boost::test_tools::tolerance(1e-2));
  BOOST_TEST(finding.values[1].value == 0.1, boost::test_tools::tolerance(1e-2));
  planted.runs.front().measures.clear();
  BOOST_TEST((planted.finding("plain - batch norm, 1000 images").verdict == Verdict::not_shown));
  BOOST_TEST((planted.finding("plain - batch norm, 5000 images").verdict == Verdict::supported));
}

BOOST_AUTO_TEST_CASE(a_run_that_fits_before_its_first_look_counts_as_of_then) {
  Planted planted{"regularization"};
  for (const char* model : {"plain", "bn"})
    planted.change(model, [](RunResult& run) { run.measures["train_loss"].front() = 0.09; });
  planted.change("bn", [](RunResult& run) { run.measures["test_loss"].front() = 0.75; });
  BOOST_TEST(planted.finding("1000 images").effect.mean == 0.25, boost::test_tools::tolerance(1e-6));
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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
