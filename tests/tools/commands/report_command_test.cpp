#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

#include "../../support/process.hpp"
#include "../../support/report_support.hpp"
#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

BOOST_AUTO_TEST_SUITE(report_command)

BOOST_AUTO_TEST_CASE(folders_and_files_that_are_not_right_are_told) {
  const TemporaryFolder folder;
  const auto told = [&](const std::string& content, const char* says) {
    std::ofstream{folder.path() / "results.json"} << content;
    const auto finished = run_keel("report .", folder.path());
    BOOST_TEST(finished.status == 3, content.substr(0, 20));
    BOOST_TEST(contains(finished.err, says), finished.err);
    BOOST_TEST(std::ranges::count(finished.err, '\n') == 1);
  };
  BOOST_TEST(run_keel("report nowhere", folder.path()).status == 3);
  BOOST_TEST(contains(run_keel("report .", folder.path()).err, "has no results.json"));
  told("", "is empty");
  told(R"({"schema": 1, "runs": [)", "is not JSON");
  told("{\"schema\": \"\xFF\"}", "is not JSON");
  told("[1e999]", "is not JSON");
  told(std::string(1'000'000, '['), "nested too deeply");
  told(R"({"cases": []})", "is not what keel writes");
  BOOST_TEST(run_keel("report", folder.path()).status == 2);
}

// Whatever lacks of the summary, the report says so.
BOOST_FIXTURE_TEST_CASE(a_summary_that_lacks_something_is_told, StudyFolder) {
  BOOST_REQUIRE(keel("compare --seeds 2 --learning-rate 0.1 --out compared").status == 0);
  const auto whole = results_in(*this / "compared");
  std::size_t cut = 0;
  for (const auto& [measure, values] : whole.at("summary").items()) {
    if (!values.is_object() || !values.contains("difference")) continue;
    for (const auto& [key, value] : values.at("difference").items()) {
      auto results = whole;
      results["summary"][measure]["difference"].erase(key);
      std::ofstream{*this / "compared/results.json"} << results.dump();
      const auto finished = run_keel("report compared", *this / "");
      BOOST_TEST(finished.status == 3, measure << " " << key << ": " << finished.err);
      BOOST_TEST(contains(finished.err, "is not what keel writes"), finished.err);
      ++cut;
    }
  }
  BOOST_TEST(cut >= 12U);
}

BOOST_FIXTURE_TEST_CASE(a_training_has_no_report, StudyFolder) {
  BOOST_REQUIRE(keel("train --epochs 1 --out trained").status == 0);
  const auto refused = run_keel("report trained", *this / "");
  BOOST_TEST(refused.status == 3);
  BOOST_TEST(contains(refused.err, "keel train wrote it, of which there is no report"), refused.err);
}

BOOST_FIXTURE_TEST_CASE(packed_results_are_read, StudyFolder) {
  BOOST_REQUIRE(keel("compare --learning-rate 0.1 --out compared").status == 0);
  BOOST_REQUIRE(run_command("gzip results.json", *this / "compared").status == 0);
  const auto reported = run_keel("report compared", *this / "");
  BOOST_TEST(reported.status == 0, reported.err);
  BOOST_TEST(contains(read_file(*this / "compared/report.html"), "results.json.gz"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
