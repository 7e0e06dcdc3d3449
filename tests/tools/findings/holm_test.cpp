// Findings that are corrected for each other.

#include <array>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <vector>

#include "keel/tools/findings/finding.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

const Endpoint difference{
    .name = "accuracy, a - b", .claim = "a is more accurate.", .unit = "points", .least = 0.5};

// Findings whose p values, taken alone, are these; none where there is none.
std::vector<Finding> with_p(const std::vector<std::optional<double>>& p_values) {
  std::vector<Finding> findings;
  for (const auto& p : p_values) findings.push_back({.effect = {.p_alone = p}});
  return findings;
}

std::vector<std::optional<double>> corrected(const std::vector<std::optional<double>>& p_values) {
  auto findings = with_p(p_values);
  std::vector<Finding*> all;
  for (auto& finding : findings) all.push_back(&finding);
  correct_by_holm(all);
  std::vector<std::optional<double>> result;
  for (const auto& finding : findings) {
    BOOST_TEST((finding.effect.p_alone == p_values[result.size()]));
    BOOST_TEST((finding.effect.p == finding.effect.p_holm));
    result.push_back(finding.effect.p_holm);
  }
  return result;
}

BOOST_AUTO_TEST_SUITE(holm)

// Holm 1979; the first row is the example of R's and many textbooks' documentation.
BOOST_AUTO_TEST_CASE(holms_correction_gives_the_published_numbers) {
  struct Row {
    std::vector<std::optional<double>> alone;
    std::vector<double> together;
  };
  const std::vector<Row> rows{{{0.01, 0.04, 0.03, 0.005}, {0.03, 0.06, 0.06, 0.02}},
                              {{0.01, 0.02, 0.03, 0.04}, {0.04, 0.06, 0.06, 0.06}},
                              {{0.5, 0.4, 0.9}, {1.0, 1.0, 1.0}},
                              {{0.02, 0.02}, {0.04, 0.04}},
                              {{0.2}, {0.2}}};
  for (const auto& row : rows) {
    const auto result = corrected(row.alone);
    for (std::size_t i = 0; i < result.size(); ++i)
      BOOST_TEST(result[i].value() == row.together[i], boost::test_tools::tolerance(1e-12));
  }
}

// They count as if theirs were 1: what could not be tested was to be.
BOOST_AUTO_TEST_CASE(findings_without_a_p_value_count_in_holms_correction) {
  const auto result = corrected({0.01, std::nullopt, 0.04, 0.03, std::nullopt, 0.005});
  BOOST_TEST(!result[1]);
  BOOST_TEST(!result[4]);
  BOOST_TEST(result[5].value() == 0.03, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(result[0].value() == 0.05, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(result[3].value() == 0.12, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(result[2].value() == 0.12, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(corrected({}).empty());
  BOOST_TEST(!corrected({std::nullopt})[0]);
}

BOOST_AUTO_TEST_CASE(correcting_twice_corrects_once) {
  auto findings = with_p({0.01, 0.04, 0.03, 0.005});
  std::vector<Finding*> all;
  for (auto& finding : findings) all.push_back(&finding);
  correct_by_holm(all);
  correct_by_holm(all);
  BOOST_TEST(findings[3].effect.p.value() == 0.02, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(verdicts_rest_on_what_is_corrected) {
  // Alone its p is 2 / 64, and among two 2 / 32, which is more than 0.05.
  const std::array values{0.9, 1.1, 1.0, 1.2, 0.8, 1.0};
  auto found = judge(difference, values);
  auto other = judge(difference, values);
  BOOST_TEST((found.verdict == Verdict::supported));
  std::array<Finding*, 2> all{&found, &other};
  correct_by_holm(all);
  BOOST_TEST(found.effect.p_holm.value() == 2.0 / 32);
  BOOST_TEST((found.verdict == Verdict::not_shown));
  BOOST_TEST(found.effect.low_corrected.value() < found.effect.low.value());
  BOOST_TEST(found.effect.high_corrected.value() > found.effect.high.value());
}

BOOST_AUTO_TEST_CASE(a_primary_keeps_the_p_of_its_study) {
  const std::vector<double> values(12, 1.0);
  std::vector<Finding> findings(19, judge(difference, values));
  std::vector<Finding*> all;
  for (auto& finding : findings) all.push_back(&finding);
  correct_by_holm(all, true);
  for (const auto& finding : findings) {
    BOOST_TEST(finding.effect.p.value() == 2.0 / 4096);
    BOOST_TEST(finding.effect.p_holm.value() == 19.0 * 2.0 / 4096);
    BOOST_TEST(finding.effect.p_holm.value() < 0.01);  // the default number of seeds is enough
    BOOST_TEST((finding.verdict == Verdict::supported));
  }
}

// Levels of Holm's steps would give the first of them the widest interval, and the last the narrowest.
BOOST_AUTO_TEST_CASE(equal_findings_are_judged_alike_wherever_they_stand) {
  const std::array values{2.1, 0.1, 0.15, 1.4, 0.05, 3.9, 0.2, 2.6, 0.1, 0.12, 3.0, 0.11};
  std::vector<Finding> findings(19, judge(difference, values));
  std::vector<Finding*> all;
  for (auto& finding : findings) all.push_back(&finding);
  correct_by_holm(all);
  for (const auto& finding : findings) {
    BOOST_TEST((finding.verdict == findings.front().verdict));
    BOOST_TEST(*finding.effect.low_corrected == *findings.front().effect.low_corrected);
    BOOST_TEST(*finding.effect.p_holm == *findings.front().effect.p_holm);
  }
}

// Without p values, too: bounds that let nothing be tested.
BOOST_AUTO_TEST_CASE(intervals_are_corrected_for_all_findings_of_the_family) {
  std::vector<Observation> values;
  for (const double value : {0.1, 0.2, 0.15, 0.3, 0.1, 0.25}) values.push_back({value});
  values.back().kind = Observation::Kind::at_most;
  std::vector<Finding> findings(19, judge(difference, values));
  const auto alone = findings.front();
  BOOST_TEST(!alone.effect.p_alone);
  std::vector<Finding*> all;
  for (auto& finding : findings) all.push_back(&finding);
  correct_by_holm(all);
  for (const auto& finding : findings)
    BOOST_TEST(*finding.effect.high_corrected > *alone.effect.high_corrected);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
