// What studies that are judged together come to.

#include "keel/tools/runs/judgement.hpp"

#include <boost/test/unit_test.hpp>

#include "../../support/planted_runs.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

BOOST_AUTO_TEST_SUITE(judgement)

BOOST_AUTO_TEST_CASE(primaries_are_corrected_for_each_other_and_all_findings_counted) {
  const std::vector<const Study*> two{find_study("recurrent"), find_study("initialization")};
  std::vector<RunResult> runs;
  for (const auto* study : two)
    for (auto& run : planted_runs(*study, 1.0, 8)) runs.push_back(std::move(run));
  const auto judgements = judge_all(two, runs);
  BOOST_REQUIRE(judgements.size() == 2U);
  std::size_t findings = 0;
  for (const auto& judgement : judgements) {
    findings += judgement.findings.size();
    const auto& primary = judgement.findings.front();
    BOOST_TEST(primary.effect.p.value() == 2.0 / 256);
    BOOST_TEST(primary.effect.p_holm.value() == 2 * 2.0 / 256);
    BOOST_TEST((primary.verdict == Verdict::supported));
  }
  const auto summary = summary_json(judgements, runs);
  std::size_t counted = 0;
  for (const char* verdict : {"supported", "contradicted", "ruled out", "not shown"})
    counted += summary.at(verdict).get<std::size_t>();
  BOOST_TEST(counted == findings);
  const auto json = studies_json(judgements);
  BOOST_TEST(!json.contains("verdict"));
  BOOST_TEST(json.at("studies").size() == 2U);
  BOOST_TEST(json.at("studies").at(1).at("verdict") == "supported");
}

BOOST_AUTO_TEST_CASE(a_single_study_has_its_verdict_at_the_top) {
  const std::vector<const Study*> one{find_study("depth")};
  const auto runs = planted_runs(*one[0], -1.0);
  const auto json = studies_json(judge_all(one, runs));
  BOOST_TEST(json.at("verdict") == "contradicted");
  BOOST_TEST(json.at("claim") == one[0]->claim());
  BOOST_TEST(json.at("rule").get<std::string>().find("at least 5 points") != std::string::npos);
  for (const char* key : {"name", "unit", "mean", "low", "high", "p"})
    BOOST_TEST(json.at("effect").contains(key));
  const auto& study = json.at("studies").at(0);
  for (const char* key : {"claim", "rule", "verdict", "effect"})
    BOOST_TEST(study.at(key) == json.at(key), key);
  BOOST_TEST(study.at("caveat") == one[0]->caveat());
  BOOST_TEST(study.at("findings").size() == 8U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
