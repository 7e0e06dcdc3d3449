#include "keel/tools/runs/both_rates.hpp"

#include <boost/test/unit_test.hpp>

#include "../../support/study_support.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// An arm at both rates, done: its results, and how often it was trained.
struct Done {
  explicit Done(double tuned) {
    std::vector<Job> jobs;
    const RunSettings settings{.study = "made-up", .model = "bn", .learning_rate = 0.01};
    add_at_both_rates(jobs, {.data = tiny_data()}, settings, tuned,
                      [this](const RunSettings& s, const RunContext&) {
                        ++trainings;
                        RunResult run{.settings = s};
                        run.measures["rate"] = {s.learning_rate};
                        return std::optional{run};
                      });
    results = run_all(jobs, tiny_data(), {.threads = 1, .quiet = true}, {});
  }

  int trainings = 0;
  std::vector<RunResult> results;
};

BOOST_AUTO_TEST_SUITE(both_rates)

BOOST_AUTO_TEST_CASE(an_arm_is_run_at_the_rate_that_suits_it_and_at_the_common_one) {
  const Done done{0.1};
  BOOST_TEST(done.trainings == 2);
  BOOST_REQUIRE(done.results.size() == 2U);
  for (const auto& [filter, rate] : {std::pair{at_tuned_rates(), 0.1}, {at_common_rate(), 0.01}}) {
    const auto runs = runs_of(done.results, filter);
    BOOST_REQUIRE(runs.size() == 1U);
    BOOST_TEST(runs[0].settings.learning_rate == rate);
    BOOST_TEST(measure(runs[0], "rate") == rate);
  }
  BOOST_TEST(rate_text(done.results, at_tuned_rates()) == "0.1");
  BOOST_TEST(rate_text({}, at_tuned_rates()) == "-");
}

BOOST_AUTO_TEST_CASE(one_training_gives_both_results_where_the_rates_are_the_same) {
  const Done done{0.01};
  BOOST_TEST(done.trainings == 1);
  BOOST_REQUIRE(done.results.size() == 2U);
  BOOST_TEST(runs_of(done.results, at_tuned_rates()).size() == 1U);
  BOOST_TEST(runs_of(done.results, at_common_rate()).size() == 1U);
  BOOST_TEST((done.results[0].measures == done.results[1].measures));
  BOOST_TEST((done.results[0].settings != done.results[1].settings));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
