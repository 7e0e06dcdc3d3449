// The study of the discrepancy between training and inference, on runs of which all is known and on tiny
// data.

#include "keel/tools/studies/discrepancy.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

const Study& discrepancy() {
  return *find_study("discrepancy");
}

RunResult run_on_tiny_data(const std::string& model, std::int64_t batch_size, const std::string& groups,
                           int epochs) {
  const ThreadLimit one_thread{1};
  for (const auto& job : judged_jobs(discrepancy(), {.data = tiny_data(), .seeds = 1})) {
    const auto* own = job.settings.factors.find("groups");
    if (job.settings.model != model || job.settings.batch_size != batch_size) continue;
    if (!groups.empty() && (own == nullptr || *own != groups)) continue;
    auto settings = job.settings;
    settings.epochs = epochs;
    auto run = job.run(settings, {.data = tiny_data(), .stop = {}});
    if (run) return *run;
  }
  throw std::out_of_range{model};
}

BOOST_AUTO_TEST_SUITE(discrepancy_study)

BOOST_AUTO_TEST_CASE(findings_are_differences_between_statistics_of_the_same_weights) {
  const auto findings = discrepancy().judge(planted_runs(discrepancy(), 1.0));
  const std::vector<double> expected{5.0, 2.0, 3.0, 2.0, 10.0, -10.0};
  BOOST_REQUIRE(findings.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    BOOST_TEST(findings[i].effect.mean == expected[i], boost::test_tools::tolerance(1e-2));
}

BOOST_AUTO_TEST_CASE(no_difference_rules_it_out) {
  const auto finding = discrepancy().judge(planted_runs(discrepancy(), 0.0)).front();
  BOOST_TEST((finding.verdict == Verdict::ruled_out));
}

// A group of one class loses its mean, and with it most of what tells its class: it is classified worse than
// groups that are dealt at random, and than by all images' statistics.
BOOST_AUTO_TEST_CASE(groups_sorted_by_class_are_hard_to_classify_by_their_own_statistics) {
  const auto sorted = run_on_tiny_data("ghost", 256, "by class", 20);
  const auto dealt = run_on_tiny_data("ghost", 256, "at random", 20);
  const auto as_in_training = discrepancy_accuracy("batch");
  BOOST_TEST(as_in_training(dealt) > as_in_training(sorted) + 10.0);
  BOOST_TEST(discrepancy_accuracy("population")(sorted) > as_in_training(sorted) + 10.0);
}

// Twenty updates of momentum 0.1 leave an eighth of the start.
BOOST_AUTO_TEST_CASE(statistics_are_looked_at_early_and_at_the_end) {
  const auto run = run_on_tiny_data("bn", 4, "", 1);
  for (const std::string kind : discrepancy_kinds) {
    BOOST_REQUIRE(run.measures.at(kind + "_accuracy").size() == 2U);
    BOOST_TEST(discrepancy_accuracy(kind)(run) == 100.0 * run.measures.at(kind + "_accuracy")[1]);
    BOOST_TEST(discrepancy_accuracy(kind, DiscrepancyLook::early)(run) ==
               100.0 * run.measures.at(kind + "_accuracy")[0]);
  }
  BOOST_TEST(run.measures.at("moving_loss")[0] != run.measures.at("corrected_loss")[0]);
  // 80 updates have left nothing of the start.
  BOOST_TEST(run.measures.at("moving_loss")[1] == run.measures.at("corrected_loss")[1],
             boost::test_tools::tolerance(1e-2));
  BOOST_TEST(run.measures.at("moving_accuracy")[1] == run.epochs.back().validation.accuracy);
}

// Three epochs of 80 steps, the last under frozen statistics.
BOOST_AUTO_TEST_CASE(frozen_runs_train_on_and_end_with_the_frozen_statistics) {
  const auto frozen = run_on_tiny_data("frozen", 4, "", 3);
  const auto usual = run_on_tiny_data("bn", 4, "", 3);
  BOOST_REQUIRE(frozen.epochs.size() == 3U);
  // The first two epochs are the same training; only the last one, under frozen statistics, is not.
  BOOST_TEST(frozen.epochs[0].train_loss == usual.epochs[0].train_loss);
  BOOST_TEST(frozen.epochs[1].train_loss == usual.epochs[1].train_loss);
  BOOST_TEST(frozen.epochs[2].train_loss != usual.epochs[2].train_loss);
  BOOST_TEST(!frozen.diverged);
}

// The tuning runs of frozen statistics do best at the lowest rate, those of the others at the highest.
BOOST_AUTO_TEST_CASE(every_cell_has_a_rate_of_its_own) {
  StudyScale scale{.data = tiny_data(), .seeds = 1};
  std::vector<RunResult> tuning;
  for (const auto& job : discrepancy().tuning_jobs(scale)) {
    auto run = planted_run(job.settings, 0.0);
    const double rate = job.settings.learning_rate;
    run.epochs.back().validation.accuracy =
        job.settings.model == "frozen" ? 0.5 - 0.1 * rate : 0.5 + 0.1 * rate;
    tuning.push_back(std::move(run));
  }
  scale.tuning = tuning;
  for (const auto& job : discrepancy().jobs(scale)) {
    const auto& settings = job.settings;
    const double common = 0.01 / 64.0 * static_cast<double>(settings.batch_size);
    const double factor = settings.factors.at("rate") == "common" ? 1.0
                          : settings.model == "frozen"            ? 0.3
                                                                  : 10.0;
    BOOST_TEST(settings.learning_rate == factor * common, boost::test_tools::tolerance(1e-9));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
