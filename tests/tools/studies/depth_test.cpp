// What the study of deep networks makes of its runs.

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

const Study& study() {
  return *find_study("depth");
}

// Sets the accuracy of one arm where the factors are these, at all rates.
std::vector<RunResult> with_accuracy(double effect, const std::string& model, const std::string& activation,
                                     int depth, double accuracy) {
  auto runs = planted_runs(study(), effect);
  for (auto& run : runs)
    if (run.settings.model == model && run.settings.factors.at("activation") == activation &&
        run.settings.factors.at("depth") == depth)
      run.epochs.back().validation.accuracy = accuracy;
  return runs;
}

Finding finding_of(std::span<const RunResult> runs, const std::string& part) {
  for (auto& finding : study().judge(runs))
    if (finding.endpoint.name.find(part) != std::string::npos) return finding;
  throw std::out_of_range{part};
}

BOOST_AUTO_TEST_SUITE(depth_study)

// A cell that batch norm rescues does not speak for one that it does not.
BOOST_AUTO_TEST_CASE(the_study_is_judged_by_the_cell_that_was_named_and_by_no_mean) {
  const auto sigmoid = with_accuracy(0.0, "bn", "sigmoid", 20, 1.0);
  BOOST_TEST(verdict_of(study(), sigmoid) != "supported");
  BOOST_TEST((finding_of(sigmoid, "plain, sigmoid").verdict == Verdict::supported));
  const auto deeper = with_accuracy(0.0, "bn", "relu", 40, 1.0);
  BOOST_TEST(verdict_of(study(), deeper) != "supported");
  const auto named = with_accuracy(0.0, "bn", "relu", 20, 1.0);
  BOOST_TEST(verdict_of(study(), named) == "supported");
}

BOOST_AUTO_TEST_CASE(the_table_counts_cells_for_and_against) {
  const auto table = study().tables(with_accuracy(0.0, "bn", "relu", 40, 0.2))[0];
  BOOST_TEST(table.title.find("better than plain in 0 of 12 cells, 1 against") != std::string::npos,
             table.title);
  const auto all = study().tables(planted_runs(study(), 1.0))[0];
  BOOST_TEST(all.title.find("better than plain in 6 of 12 cells, 0 against") != std::string::npos, all.title);
  BOOST_TEST(all.rows.size() == 12U);
}

BOOST_AUTO_TEST_CASE(batch_norm_is_held_against_layer_norm_and_a_residual_network) {
  auto runs = with_accuracy(1.0, "ln", "relu", 20, 0.79);
  BOOST_TEST(finding_of(runs, "layer norm, relu").effect.mean == 1.0, boost::test_tools::tolerance(0.05));
  BOOST_TEST((finding_of(runs, "layer norm, relu").verdict == Verdict::ruled_out));
  BOOST_TEST((finding_of(runs, "residual, SkipInit, relu").verdict == Verdict::supported));
}

BOOST_AUTO_TEST_CASE(every_arm_has_the_rate_that_its_own_cell_did_best_at) {
  std::vector<RunResult> tuning;
  const StudyScale scale{.data = tiny_data(), .seeds = 1, .quick = true};
  for (const auto& job : study().tuning_jobs(scale)) {
    auto run = planted_run(job.settings, 0.0);
    const bool likes_much = job.settings.model == "bn" && job.settings.factors.at("activation") == "tanh";
    run.epochs.back().validation.accuracy = (job.settings.learning_rate > 0.05) == likes_much ? 0.9 : 0.5;
    tuning.push_back(std::move(run));
  }
  auto judged = scale;
  judged.tuning = tuning;
  for (const auto& job : study().jobs(judged)) {
    const bool likes_much = job.settings.model == "bn" && job.settings.factors.at("activation") == "tanh";
    const bool is_tuned = job.settings.factors.at("rate") == "tuned";
    BOOST_TEST(job.settings.learning_rate == (is_tuned && likes_much ? 0.1 : 0.01));
  }
}

// Hidden layers' gradients spread over four decades without batch norm and over one with it.
BOOST_AUTO_TEST_CASE(the_spread_of_gradients_is_in_decades_for_each_activation) {
  const auto runs = planted_runs(study(), 1.0);
  for (const char* activation : {"sigmoid", "tanh", "relu"}) {
    const auto spread =
        finding_of(runs, std::string{"spread of the layers' gradients, plain - batch norm, "} + activation);
    BOOST_TEST(spread.effect.mean == 3.0, boost::test_tools::tolerance(1e-3));
    BOOST_TEST((spread.verdict == Verdict::supported));
  }
}

BOOST_AUTO_TEST_CASE(a_gradient_that_vanished_entirely_spreads_far_and_one_that_is_not_finite_shows_nothing) {
  for (const double norm : {0.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    auto runs = planted_runs(study(), 1.0);
    for (auto& run : runs)
      if (run.settings.model == "plain") run.measures["gradient_norms_after_0"][1] = norm;
    const auto spread = finding_of(runs, "spread of the layers' gradients, plain - batch norm, tanh");
    if (norm == 0.0)
      BOOST_TEST(spread.effect.mean > 30.0);
    else
      BOOST_TEST((spread.verdict == Verdict::not_shown));
    BOOST_TEST((finding_of(runs, "batch norm - plain, tanh").verdict == Verdict::supported));
    BOOST_TEST(!study().figures(runs).empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
