// What `keel study` refuses, and what it makes of runs that fail.

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "../../support/check_refused.hpp"
#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

constexpr auto small = "study activations --quick --seeds 2";

BOOST_FIXTURE_TEST_SUITE(study_faults, StudyFolder)

BOOST_AUTO_TEST_CASE(wrong_command_lines_are_refused_in_a_sentence) {
  check_refused(keel("study folklore"), {"folklore", "convergence", "all"});
  check_refused(keel("study"), {"NAME"});
  check_refused(keel("study convergence --seeds 0"), {"seeds"});
  check_refused(keel("study convergence --epochs 3"), {"epochs"});
  BOOST_TEST(!std::filesystem::exists(*this / "runs"));
}

BOOST_AUTO_TEST_CASE(missing_data_has_status_3_and_leaves_no_folder) {
  const auto finished = run_keel("study convergence --data nowhere --out results/deep", *this / "");
  BOOST_TEST(finished.status == 3);
  BOOST_TEST(finished.err.find("nowhere") != std::string::npos, finished.err);
  BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, finished.err);
  BOOST_TEST(!std::filesystem::exists(*this / "results"));
}

BOOST_AUTO_TEST_CASE(a_folder_with_something_in_it_is_refused_unless_forced) {
  BOOST_REQUIRE(run_command("mkdir full && touch full/mine", *this / "").status == 0);
  check_refused(keel(fmt::format("{} --out full", small)), {"not empty", "--force"});
  BOOST_TEST(!std::filesystem::exists(*this / "full/results.json"));
  BOOST_TEST(keel(fmt::format("{} --out full --force", small)).status == 0);
  BOOST_TEST(std::filesystem::exists(*this / "full/mine"));
  BOOST_TEST(std::filesystem::exists(*this / "full/results.json"));
}

// Batch norm can't be trained on a single image: those runs fail, the plain ones and the report do not.
BOOST_AUTO_TEST_CASE(runs_that_fail_are_recorded_and_told) {
  const auto finished = keel("study initialization --quick --seeds 2 --limit 1 --out results");
  BOOST_TEST(finished.status == 1);
  BOOST_TEST(finished.err.find(" runs failed") != std::string::npos, finished.err);
  const auto json = results_in(*this / "results");
  BOOST_TEST(json.at("verdict") == "not shown");
  for (const auto& run : json.at("runs")) BOOST_TEST(run.contains("error") == (run.at("model") == "bn"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
