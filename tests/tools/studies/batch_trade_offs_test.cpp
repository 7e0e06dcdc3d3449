#include "keel/tools/studies/batch_trade_offs.hpp"

#include <boost/test/unit_test.hpp>

namespace keel::test {
namespace {

using namespace keel::tools;

// A plain run whose numbers can be told apart; without steps to 95 % it never got there.
RunResult run(std::int64_t batch, std::uint64_t seed, double accuracy, std::optional<double> steps_to_95) {
  RunResult result;
  result.settings = {.study = "batch-study",
                     .model = "plain",
                     .factors = {{"view", name_of(BatchView::same_rate)}},
                     .batch_size = batch,
                     .seed = seed};
  result.epochs.push_back({.epoch = 1, .steps = 100, .train_loss = 0.2, .validation = {0.25, accuracy}});
  result.measures = {{"steps_per_epoch", {100.0}}, {"last_losses_sd", {0.1}}};
  if (steps_to_95) {
    result.measures["steps_to_95"] = {*steps_to_95};
    result.measures["to_95_seconds"] = {*steps_to_95 / 1000.0};
  }
  return result;
}

std::string words_of(const std::vector<RunResult>& runs) {
  const auto table = batch_trade_offs(BatchRuns{runs});
  BOOST_REQUIRE(table.rows.size() == 6U);
  BOOST_TEST(table.rows.at(0).at(0) == "the same rate and epochs, plain");
  return table.rows.at(0).at(1);
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

BOOST_AUTO_TEST_SUITE(batch_trade_offs)

BOOST_AUTO_TEST_CASE(a_difference_that_every_seed_shows_is_told_with_its_direction) {
  std::vector<RunResult> runs;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const double jitter = 1e-4 * static_cast<double>(seed);
    runs.push_back(run(32, seed, 0.97 + jitter, 1200.0 + static_cast<double>(seed)));
    runs.push_back(run(64, seed, 0.5, 700.0));  // in between: not looked at
    runs.push_back(run(128, seed, 0.96 + 2.0 * jitter, 400.0));
  }
  const auto text = words_of(runs);
  BOOST_TEST(says(text, "Batch 32 against 128: "), text);
  BOOST_TEST(says(text, "more epochs to 95 % (12.03 against 4.00)"), text);
  BOOST_TEST(says(text, "more steps to 95 % (1,203 against 400)"), text);
  BOOST_TEST(says(text, "more time to 95 %, in seconds (1.20 against 0.40)"), text);
  BOOST_TEST(says(text, "a higher final accuracy, in % (97.03 against 96.06)"), text);
  BOOST_TEST(says(text, "no clear difference in variation of the batch losses (0.100 against 0.100)"), text);
}

BOOST_AUTO_TEST_CASE(a_difference_within_the_noise_is_not_told) {
  std::vector<RunResult> runs;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const double jitter = seed % 2 == 0 ? 0.01 : -0.008;
    runs.push_back(run(32, seed, 0.96 + jitter, 500.0 + 1000.0 * jitter));
    runs.push_back(run(128, seed, 0.96, 500.0));
  }
  const auto text = words_of(runs);
  for (const char* quantity :
       {"epochs to 95 % (5.01 against 5.00)", "final accuracy, in % (96.10 against 96.00)"})
    BOOST_TEST(says(text, quantity), text);
  for (const char* claim : {"higher", "lower", "more epochs", "fewer epochs"})
    BOOST_TEST(!says(text, claim), text);
  BOOST_TEST(says(text, "Batch 32 against 128: no clear difference in "), text);
}

BOOST_AUTO_TEST_CASE(runs_that_never_get_there_are_counted) {
  std::vector<RunResult> runs;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    runs.push_back(run(32, seed, 0.97, 300.0 + static_cast<double>(seed)));
    runs.push_back(run(128, seed, 0.94, seed == 3 ? std::optional{900.0} : std::nullopt));
  }
  const auto text = words_of(runs);
  BOOST_TEST(says(text, "95 % reached by 4 of 4 runs against 1 of 4"), text);
  BOOST_TEST(!says(text, "steps to 95 %"), text);
}

BOOST_AUTO_TEST_CASE(one_seed_tells_no_difference) {
  const auto text = words_of({run(32, 1, 0.97, 300.0), run(128, 1, 0.90, 900.0)});
  BOOST_TEST(says(text, "of one seed, not told from chance: epochs to 95 % (3.00 against 9.00)"), text);
  BOOST_TEST(!says(text, "over the seeds"), text);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
