// Few images and more, each judged by itself, and test losses at the same fit.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "../../support/planted_study.hpp"
#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr auto at_equal_loss = "test loss at equal training loss, plain - batch norm, ";

std::set<std::int64_t> sizes_with(std::int64_t limit) {
  const auto& study = *find_study("regularization");
  std::set<std::int64_t> sizes;
  for (const auto& job : study.tuning_jobs({.data = tiny_data(), .seeds = 1, .limit = limit})) {
    BOOST_TEST(job.settings.limit == job.settings.factors.at("images").whole());
    sizes.insert(job.settings.limit);
  }
  return sizes;
}

BOOST_AUTO_TEST_SUITE(regularization_study)

BOOST_AUTO_TEST_CASE(sizes_that_disagree_are_not_pooled) {
  Planted planted{"regularization"};
  planted.change("bn", [](RunResult& run) {
    if (run.settings.factors.at("images") == 320) run.test->accuracy = 0.8;
  });
  const auto primary = planted.judge().front();
  BOOST_TEST(primary.endpoint.name == "test accuracy, batch norm - plain, both tuned, 64 images");
  BOOST_TEST(primary.effect.mean == 5.0, boost::test_tools::tolerance(1e-3));
  BOOST_TEST((primary.verdict == Verdict::supported));
  BOOST_TEST(
      (planted.finding("batch norm - plain, both tuned, 320 images").verdict == Verdict::contradicted));
}

// No number of images that the data or --limit do not have.
BOOST_AUTO_TEST_CASE(sizes_are_those_that_there_are) {
  BOOST_TEST((sizes_with(0) == std::set<std::int64_t>{64, 320}));
  BOOST_TEST((sizes_with(100) == std::set<std::int64_t>{20, 100}));
  BOOST_TEST((sizes_with(1) == std::set<std::int64_t>{1}));
}

BOOST_AUTO_TEST_CASE(dropout_and_decay_are_chosen_together_with_the_rate) {
  const auto& study = *find_study("regularization");
  StudyScale scale{.data = tiny_data(), .seeds = 1};
  std::vector<RunResult> tuning;
  for (const auto& job : study.tuning_jobs(scale)) {
    tuning.push_back(planted_run(job.settings, 1.0));
    const auto* dropout = job.settings.factors.find("dropout");
    const bool is_best = job.settings.learning_rate == 0.03 && (dropout == nullptr || *dropout == 0.2) &&
                         (job.settings.model != "weight-decay" || job.settings.weight_decay == 1e-3);
    tuning.back().epochs.back().validation.accuracy = is_best ? 0.8 : 0.7;
  }
  scale.tuning = tuning;
  for (const auto& job : study.jobs(scale)) {
    const auto& settings = job.settings;
    BOOST_TEST(!settings.tuning);
    const bool is_tuned = settings.factors.at("rate") == "tuned";
    BOOST_TEST(settings.learning_rate == (is_tuned ? 0.03 : 0.01), describe(settings));
    BOOST_TEST(settings.weight_decay == (settings.model == "weight-decay" ? 1e-3 : 0.0));
    const auto* dropout = settings.factors.find("dropout");
    BOOST_TEST((dropout != nullptr) == (settings.model.find("dropout") != std::string::npos));
    if (dropout != nullptr) BOOST_TEST(dropout->number() == 0.2);
  }
}

// The training loss falls from 0.2 to 0.05, so half of the way in logarithms is 0.1.
BOOST_AUTO_TEST_CASE(test_losses_are_compared_where_the_training_losses_are_equal) {
  const Planted planted{"regularization"};
  for (const char* images : {"64 images", "320 images"}) {
    const auto finding = planted.finding(std::string{at_equal_loss} + images);
    BOOST_TEST(finding.effect.mean == 0.1, boost::test_tools::tolerance(1e-6));
    BOOST_TEST((finding.verdict == Verdict::supported));
    BOOST_TEST(finding.note == "");
  }
}

// The plain run ends at a training loss of 0.2, where its test loss is 0.45; batch norm's is 0.4 there.
BOOST_AUTO_TEST_CASE(a_run_that_does_not_fit_is_compared_where_it_ends) {
  Planted planted{"regularization"};
  const auto few = std::string{at_equal_loss} + "64 images";
  planted.runs.front().measures["train_loss"] = {1.0, 0.4, 0.3, 0.2};
  const auto finding = planted.finding(few);
  BOOST_TEST(finding.values[0].value == 0.05, boost::test_tools::tolerance(1e-2));
  BOOST_TEST(finding.values[1].value == 0.1, boost::test_tools::tolerance(1e-2));
  planted.runs.front().measures.clear();
  BOOST_TEST((planted.finding(few).verdict == Verdict::not_shown));
  BOOST_TEST((planted.finding(std::string{at_equal_loss} + "320 images").verdict == Verdict::supported));
}

BOOST_AUTO_TEST_CASE(a_run_that_fits_before_its_first_look_counts_as_of_then) {
  Planted planted{"regularization"};
  for (const char* model : {"plain", "bn"})
    planted.change(model, [](RunResult& run) { run.measures["train_loss"].front() = 0.09; });
  planted.change("bn", [](RunResult& run) { run.measures["test_loss"].front() = 0.75; });
  BOOST_TEST(planted.finding(at_equal_loss).effect.mean == 0.25, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
