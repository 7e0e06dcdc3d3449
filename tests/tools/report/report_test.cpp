// The files that a report leaves, and what it makes of results that are not what they should be.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <functional>

#include "../../support/made_up_report.hpp"
#include "../../support/process.hpp"
#include "../../support/report_support.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/report.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using namespace keel::tools;  // NOLINT(google-build-using-namespace)

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(the_same_results_make_the_same_bytes) {
  const TemporaryFolder one;
  const TemporaryFolder two;
  for (const auto* folder : {&one, &two}) write_report(folder->path(), made_up_results(), find_made_up);
  for (const auto* name : {"report.html", "figures/made-up-1.svg"}) {
    BOOST_TEST(read_file(one.path() / name) == read_file(two.path() / name));
    BOOST_TEST(read_file(one.path() / name) != "");
  }
  const auto svg = read_file(one.path() / "figures/made-up-1.svg");
  BOOST_TEST(contains(svg, escaped(fmt::format("bn{}", markup))));
  BOOST_CHECK_NO_THROW(parsed("<html>" + svg.substr(svg.find("<svg")) + "</html>"));
}

BOOST_AUTO_TEST_CASE(results_of_compare) {
  const TemporaryFolder folder;
  const auto compared =
      run_keel("compare --limit 640 --epochs 2 --seeds 3 --quiet --out results", folder.path());
  BOOST_REQUIRE_MESSAGE(compared.status == 0, compared.err);
  const auto finished = run_keel("report results", folder.path());
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(finished.out == "results/report.html\n");
  const auto html = read_file(folder.path() / "results/report.html");
  BOOST_CHECK_NO_THROW(parsed(html));
  for (const auto* part :
       {"With and without batch normalization", "batch norm, validation", "validation accuracy (%)",
        "test loss (nats)", "keel compare --limit 640 --epochs 2 --seeds 3</code>",
        "784-128-10 with ReLU; SGD, momentum 0.9; learning rate 0.01, batch 64, 2 epochs", "What was trained",
        "means of 3 seeds", "<a href=\"results.json\">results.json</a>", "class=\"mark\"",
        "test accuracy, batch norm \u2212 plain"})
    BOOST_TEST(contains(html, part), part);
  BOOST_TEST(fs::exists(folder.path() / "results/figures/compare-2.svg"));
}

struct Fault {
  const char* name;
  std::function<void(Json&)> make;
  const char* says;
};

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all{
      {"a list", [](Json& json) { json = Json::array(); }, "not an object"},
      {"another schema", [](Json& json) { json["schema"] = 2; }, "schema 2"},
      {"a word as schema", [](Json& json) { json["schema"] = "1"; }, "schema is not a whole number"},
      {"no command", [](Json& json) { json.erase("command"); }, "command"},
      {"numbers as command",
       [](Json& json) {
         json["command"] = {1, 2};
       },
       "must be string"},
      {"a fraction of images", [](Json& json) { json["dataset"]["train"] = 1e300; }, "train"},
      {"three sides",
       [](Json& json) {
         json["dataset"]["shape"] = {0.5, 1, 2};
       },
       "shape"},
      {"runs that are one", [](Json& json) { json["runs"] = 5; }, "runs is not a list"},
      {"a run that is a word", [](Json& json) { json["runs"][1] = "x"; }, "run 2"},
      {"a run without model", [](Json& json) { json["runs"][0].erase("model"); }, "model"},
      {"an epoch beyond all", [](Json& json) { json["runs"][0]["epochs"][0]["epoch"] = 99999999999; },
       "epoch"},
      {"factors of another kind", [](Json& json) { json["runs"][0]["factors"] = 3; }, "run 1"},
      {"factors the study does not know", [](Json& json) { json["runs"][0].erase("factors"); },
       "can't be shown"},
      {"a finding with other counts",
       [](Json& json) { json["studies"][0]["findings"][0]["bounds"].erase(0); }, "counts"},
      {"measures of words",
       [](Json& json) {
         json["runs"][0]["measures"] = {{"a", {"b"}}};
       },
       "run 1"},
      {"an unknown study", [](Json& json) { json["studies"][0]["name"] = "other"; }, "no study 'other'"},
      {"the same study twice", [](Json& json) { json["studies"].push_back(json["studies"][0]); }, "twice"},
      {"studies as a number", [](Json& json) { json["studies"] = 1; }, "studies is not a list"},
      {"findings as a word", [](Json& json) { json["studies"][0]["findings"] = "x"; }, "findings"},
      {"a finding without effect", [](Json& json) { json["studies"][0]["findings"][0].erase("effect"); },
       "effect"},
  };
  return all;
}

BOOST_AUTO_TEST_CASE(results_that_are_not_right_are_refused) {
  for (const auto& fault : faults()) {
    BOOST_TEST_CONTEXT(fault.name) {
      auto results = made_up_results();
      fault.make(results);
      const TemporaryFolder folder;
      BOOST_CHECK_EXCEPTION(write_report(folder.path(), results, find_made_up), DataError,
                            [&](const DataError& error) {
                              const std::string text = error.what();
                              BOOST_TEST(contains(text, fault.says), text);
                              return contains(text, (folder.path() / "results.json").string()) &&
                                     !contains(text, "json.exception");
                            });
      BOOST_TEST(fs::is_empty(folder.path()));
    }
  }
}

BOOST_AUTO_TEST_CASE(strange_numbers_do_no_harm) {
  auto results = made_up_results();
  for (auto& found : results["studies"][0]["findings"]) {
    found["least"] = 1e308;
    found["effect"]["mean"] = -1e308;
    found["effect"]["low"] = 1e-320;
    found["effect"]["p"] = -5;
    found["effect"]["p_alone"] = 1e300;
    found["effect"]["high_corrected"] = 1e307;
    found["values"][0] = nullptr;
    found["bounds"][0] = "at most";
  }
  results["studies"][0]["findings"][3]["bounds"][0] = "unknown";
  results["seconds"] = -1e308;
  results["threads"] = -4;
  results["dataset"]["digest"] = "";
  results["started"] = "";
  BOOST_CHECK_NO_THROW(parsed(report_of(results)));
  results["studies"][0]["findings"] = Json::array();
  results["command"] = Json::array();
  BOOST_CHECK_NO_THROW(parsed(report_of(results)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
