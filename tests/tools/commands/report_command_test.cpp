#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

#include "../../support/process.hpp"
#include "../../support/report_support.hpp"

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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
