// The report as a page, and what it makes of results that are not what they should be.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <functional>
#include <regex>
#include <set>

#include "../../support/process.hpp"
#include "../../support/report_support.hpp"
#include "keel/tools/data/image_set.hpp"
#include "keel/tools/findings/finding_json.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/report.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using namespace keel::tools;  // NOLINT(google-build-using-namespace)

constexpr auto markup = R"(<script>alert("1")</script> & 'x')";

// A study that shows what its runs hold.
class MadeUpStudy : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "made-up"; }
  [[nodiscard]] std::string claim() const override { return "Made up."; }
  [[nodiscard]] std::string experiment() const override { return "None."; }
  [[nodiscard]] std::string caveat() const override { return "All of it."; }
  [[nodiscard]] std::vector<Job> jobs(const StudyScale&) const override { return {}; }
  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult>) const override { return {}; }
  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure figure{fmt::format("Loss {}", markup), {"epoch"}, {"loss (nats)"}};
    for (const auto& run : runs) {
      Series series{run.settings.model, run.settings.model + markup};
      for (const auto& epoch : run.epochs) {
        series.points.push_back({static_cast<double>(epoch.epoch), epoch.train_loss, 0.9 * epoch.train_loss,
                                 1.1 * epoch.train_loss});
      }
      figure.series.push_back(series);
    }
    figure.levels = {{1.0, "a level 'of' `date` \\n"}};
    return {figure};
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return {{"Models", {"model", "parameters"}, {{runs.front().settings.factors.at("word").word(), "1"}}}};
  }
};

const Study* find(std::string_view name) {
  static const MadeUpStudy study;
  return name == study.name() ? &study : nullptr;
}

Finding finding(Endpoint::Scale scale, std::vector<double> values) {
  auto result = judge({.name = fmt::format("effect {}", markup),
                       .claim = "It works.",
                       .unit = scale == Endpoint::Scale::ratio ? "times" : "points",
                       .scale = scale,
                       .least = 1.2},
                      values, markup);
  std::vector<Finding*> all{&result};
  correct_by_holm(all);
  return result;
}

Json made_up_results() {
  Json runs = Json::array();
  for (const char* model : {"plain", "bn"}) {
    RunResult run{.settings = {.study = "made-up", .model = model}, .parameters = 10};
    run.settings.factors.set("word", markup);
    for (int epoch = 1; epoch <= 3; ++epoch) run.epochs.push_back({epoch, 10, 0.1, 1.0 / epoch, {0.5, 0.9}});
    run.epochs[1].train_loss = model == std::string_view{"bn"} ? 0.4 : std::nan("");
    run.test = Evaluation{0.5, 0.9};
    runs.push_back(tools::to_json(run));
  }
  runs[0]["diverged"] = true;
  runs[0]["divergence"] = markup;
  runs[1]["error"] = markup;
  const Json findings{tools::to_json(finding(Endpoint::Scale::ratio, {1.4, 1.5, 1.6})),
                      tools::to_json(finding(Endpoint::Scale::difference, {-3.0, -3.1, -3.3})),
                      tools::to_json(finding(Endpoint::Scale::difference, {5.0}))};
  return {{"schema", 1},
          {"command", {"build/tools/keel", "study", "all", "--data", "my data", "--out", "x", "--quick"}},
          {"keel", "0.1.0"},
          {"onednn", "2.6.3"},
          {"instruction_set", markup},
          {"cpu", markup},
          {"threads", 2},
          {"started", "2026-11-25T22:06:16Z"},
          {"seconds", 75.2},
          {"dataset",
           {{"name", markup},
            {"digest", std::string(64, 'a')},
            {"train", 48000},
            {"validation", 12000},
            {"test", 10000},
            {"shape", {28, 28}},
            {"classes", 10}}},
          {"runs", runs},
          {"summary", Json::object()},
          {"studies",
           {{{"name", "made-up"},
             {"claim", markup},
             {"experiment", markup},
             {"caveat", markup},
             {"findings", findings}}}}};
}

std::string report_of(const Json& results) {
  const TemporaryFolder folder;
  write_report(folder.path(), results, find);
  return read_file(folder.path() / "report.html");
}

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(text_is_escaped) {
  BOOST_TEST(escaped("<a href=\"x\">'&'</a>") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  BOOST_TEST(escaped(std::string_view{"a\0b\n\x1B", 5}) == "a b  ");
  BOOST_TEST(escaped("\u00B5s") == "\u00B5s");
}

BOOST_AUTO_TEST_CASE(the_page_is_one_file_and_well_formed) {
  const auto html = report_of(made_up_results());
  BOOST_CHECK_NO_THROW(parsed(html));
  BOOST_TEST(!contains(html, "http"));
  BOOST_TEST(!contains(html, "<script"));
  BOOST_TEST(!contains(html, "url("));
  const std::regex reference{R"re(\s(src|href|data|action)\s*=\s*["']([^"']*))re"};
  std::size_t references = 0;
  for (std::sregex_iterator each{html.begin(), html.end(), reference}, end; each != end;
       ++each, ++references) {
    const auto target = (*each)[2].str();
    BOOST_REQUIRE(target.starts_with('#'));
    BOOST_TEST(contains(html, fmt::format("id=\"{}\"", target.substr(1))), target);
  }
  BOOST_TEST(references > 0U);
}

BOOST_AUTO_TEST_CASE(ids_are_unique) {
  const auto html = report_of(made_up_results());
  std::set<std::string> ids;
  const std::regex id{R"re(\sid=["']([^"']*))re"};
  for (std::sregex_iterator each{html.begin(), html.end(), id}, end; each != end; ++each)
    BOOST_TEST(ids.insert((*each)[1]).second, (*each)[1]);
}

BOOST_AUTO_TEST_CASE(the_page_says_everything) {
  const auto html = report_of(made_up_results());
  for (const auto* arm : {"plain", "bn"})
    BOOST_TEST(contains(html, fmt::format("</svg>{}{}</li>", arm, escaped(markup))), arm);
  for (const auto* part :
       {"48,000 training, 12,000 validation and 10,000 test images", "75\u00A0s", "2026-11-25, 22:06 UTC",
        "keel 0.1.0, oneDNN 2.6.3", "keel study made-up --data &#39;my data&#39; --quick</code>",
        "Of 2 runs, 1 diverged and 1 failed.", "3 findings", "\u2713", "\u2717", "\u25CB", "supported",
        "contradicted", "not shown", "at least 1.2", "Caveat."})
    BOOST_TEST(contains(html, part), part);
}

BOOST_AUTO_TEST_CASE(the_same_results_make_the_same_bytes) {
  const TemporaryFolder one;
  const TemporaryFolder two;
  for (const auto* folder : {&one, &two}) write_report(folder->path(), made_up_results(), find);
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
        "test loss (nats)", "keel compare --limit 640 --epochs 2 --seeds 3</code>"})
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
      BOOST_CHECK_EXCEPTION(write_report(folder.path(), results, find), DataError,
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
  }
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
