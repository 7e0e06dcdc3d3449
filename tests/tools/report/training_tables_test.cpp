// What the report says of the runs themselves: what was trained, at which rates, how healthily.

#include "keel/tools/report/training_tables.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/report_support.hpp"
#include "keel/tools/report/settings_text.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;  // NOLINT(google-build-using-namespace)

RunResult run_of_arm(const std::string& model, double rate, std::uint64_t seed, double accuracy = 0.9) {
  RunResult run{.settings = {.model = model, .learning_rate = rate, .seed = seed}};
  for (int epoch = 1; epoch <= 2; ++epoch) run.epochs.push_back({epoch, 10, 0.1, 0.5, {0.5, accuracy}});
  return run;
}

RunResult tuning_run(const std::string& model, double rate, double accuracy, std::uint64_t seed = 1000) {
  auto run = run_of_arm(model, rate, seed, accuracy);
  run.settings.tuning = true;
  return run;
}

std::string row_text(const std::vector<std::string>& row) {
  return fmt::format("{}", fmt::join(row, " | "));
}

BOOST_AUTO_TEST_SUITE(training_tables)

BOOST_AUTO_TEST_CASE(settings_in_words) {
  BOOST_TEST(hidden_text({128}) == "128");
  BOOST_TEST(hidden_text({64, 64, 64}) == "3 \u00D7 64");
  BOOST_TEST(hidden_text({300, 100}) == "300, 100");
  BOOST_TEST(hidden_text({}) == "none");
  BOOST_TEST(optimizer_text({}) == "SGD, momentum 0.9");
  BOOST_TEST(optimizer_text({.momentum = 0.0, .weight_decay = 0.01}) == "SGD, weight decay 0.01");
  BOOST_TEST(optimizer_text({.optimizer = "adam"}) == "Adam");
  BOOST_TEST(
      run_text({.study = "depth", .model = "bn", .factors = {{"weight_sd", 0.1}}, .learning_rate = 10.0}) ==
      "depth: batch norm, weight sd 0.1, batch 64, learning rate 10");
}

BOOST_AUTO_TEST_CASE(arms_with_the_same_settings_share_a_row) {
  std::vector<RunResult> runs;
  for (const auto* model : {"plain", "bn", "ln"})
    for (std::uint64_t seed = 1; seed <= 3; ++seed) runs.push_back(run_of_arm(model, 0.01, seed));
  for (auto& run : runs)
    if (run.settings.model == "ln") run.settings.batch_size = 32;
  runs.push_back(tuning_run("bn", 5.0, 0.5));  // which are told apart
  const auto table = training_table(runs);
  BOOST_REQUIRE(table.rows.size() == 2U);
  BOOST_TEST(row_text(table.header) ==
             " | hidden layers | optimizer | learning rate | batch | epochs | varied | runs each");
  BOOST_TEST(row_text(table.rows[0]) ==
             "plain; batch norm | 128 | SGD, momentum 0.9 | 0.01 | 64 | 2 | \u2013 | 3");
  BOOST_TEST(row_text(table.rows[1]) == "layer norm | 128 | SGD, momentum 0.9 | 0.01 | 32 | 2 | \u2013 | 3");
  BOOST_TEST(training_table({}).rows.empty());
}

BOOST_AUTO_TEST_CASE(what_is_varied_is_listed_and_long_lists_are_cut) {
  std::vector<RunResult> runs;
  for (int i = 0; i < 7; ++i) {
    auto run = run_of_arm("bn", std::pow(10.0, i - 4), 1);
    run.settings.factors = {{"depth", 2 + i % 2}, {"rate", i % 2 == 0 ? "tuned" : "common"}};
    runs.push_back(run);
  }
  const auto row = row_text(training_table(runs).rows.at(0));
  BOOST_TEST(contains(row, "depth 2, 3"), row);
  BOOST_TEST(contains(row, "0.001, 0.1, 10 (common); 0.0001, 0.01, 1, 100 (tuned)"), row);
  for (auto& run : runs) run.settings.factors = {};
  BOOST_TEST(contains(row_text(training_table(runs).rows.at(0)), "0.0001 to 100 (7 values)"));
}

BOOST_AUTO_TEST_CASE(rates_that_were_tried_and_chosen) {
  std::vector<RunResult> runs{tuning_run("plain", 0.01, 0.80), tuning_run("plain", 0.01, 0.90, 1001),
                              tuning_run("plain", 0.1, 0.70),  tuning_run("plain", 0.1, std::nan(""), 1001),
                              tuning_run("bn", 0.1, 0.93),     tuning_run("bn", 1.0, 0.95),
                              run_of_arm("plain", 0.01, 1),    run_of_arm("bn", 1.0, 1),
                              run_of_arm("bn", 0.01, 1)};
  for (std::size_t i = 6; i < 9; ++i) runs[i].settings.factors = {{"rate", i == 8 ? "common" : "tuned"}};
  const auto table = rates_table(runs);
  BOOST_TEST(contains(table.title, "on 2 seeds"), table.title);
  BOOST_TEST(row_text(table.header) == " | chosen | 0.01 | 0.1 | 1");
  BOOST_REQUIRE(table.rows.size() == 2U);
  BOOST_TEST(row_text(table.rows[0]) == "plain | 0.01, the lowest tried | \u25CF\u00A085.00 | 35.00 | ");
  BOOST_TEST(row_text(table.rows[1]) == "batch norm | 1, the highest tried |  | 93.00 | \u25CF\u00A095.00");
  BOOST_TEST(rates_table(std::vector{run_of_arm("bn", 0.1, 1)}).rows.empty());
}

// Each cell of a study that tunes cell by cell has a rate of its own.
BOOST_AUTO_TEST_CASE(cells_that_were_tuned_apart_have_rows_of_their_own) {
  std::vector<RunResult> runs;
  for (const int depth : {2, 20}) {
    for (const double rate : {0.01, 0.1, 1.0}) {
      runs.push_back(tuning_run("bn", rate, 0.5));
      runs.back().settings.factors = {{"depth", depth}};
    }
    runs.push_back(run_of_arm("bn", 0.1, 1));
    runs.back().settings.factors = {{"depth", depth}, {"rate", "tuned"}};
  }
  const auto table = rates_table(runs);
  BOOST_REQUIRE(table.rows.size() == 2U);
  BOOST_TEST(row_text(table.rows[1]) == "batch norm, depth 20 | 0.1 | 50.00 | \u25CF\u00A050.00 | 50.00");
}

BOOST_AUTO_TEST_CASE(health_is_the_worst_over_the_runs_of_an_arm) {
  std::vector<RunResult> runs{run_of_arm("bn", 0.01, 1), run_of_arm("bn", 0.01, 2),
                              run_of_arm("plain", 0.01, 1)};
  runs[0].measures = {
      {"health_least_variance", {5000.0, 20.0}}, {"health_largest_gradient", {3.0}}, {"other", {1.0}}};
  runs[1].measures = {{"health_least_variance", {700.0}}, {"health_largest_gradient", {8.0, 2.0}}};
  runs[2].measures = {{"health_largest_gradient", {std::nan("")}}};
  runs.push_back(tuning_run("bn", 100.0, 0.1));
  runs.back().measures = {{"health_least_variance", {0.0}}, {"health_largest_gradient", {1e9}}};
  const auto table = health_table(runs);
  BOOST_TEST(row_text(table.header) == " | largest gradient | least variance");
  BOOST_REQUIRE(table.rows.size() == 2U);
  BOOST_TEST(row_text(table.rows[0]) == "batch norm | 8 | 20");
  BOOST_TEST(row_text(table.rows[1]) == "plain | not finite | \u2013");
  BOOST_TEST(health_table(std::vector{run_of_arm("bn", 0.1, 1)}).rows.empty());
}

BOOST_AUTO_TEST_CASE(repeats_in_double_precision_are_held_against_the_runs_that_they_repeat) {
  std::vector<RunResult> runs{run_of_arm("bn", 0.01, 1, 0.90), run_of_arm("bn", 0.01, 2, 0.91)};
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {  // there is no third to hold it against
    runs.push_back(run_of_arm("bn", 0.01, seed, 0.904));
    runs.back().settings.precision = DType::f64;
  }
  const auto table = health_table(runs);
  BOOST_REQUIRE(table.rows.size() == 1U);
  BOOST_TEST(contains(row_text(table.rows[0]), "0.60 points at most in 2; seeds differ by 0.71 (sd)"),
             row_text(table.rows[0]));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
