#include "keel/tools/findings/finding.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "keel/runtime/error.hpp"
#include "keel/tools/findings/finding_json.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

const Endpoint difference{
    .name = "accuracy, a - b", .claim = "a is more accurate.", .unit = "points", .least = 0.5};
const Endpoint ratio{.name = "steps, b / a",
                     .claim = "a takes fewer steps.",
                     .unit = "times",
                     .scale = Endpoint::Scale::ratio,
                     .least = 1.2};

Verdict verdict_of(const Endpoint& endpoint, const std::vector<double>& values) {
  return judge(endpoint, values).verdict;
}

// Findings whose p values, taken alone, are these; none where there is none.
std::vector<Finding> with_p(const std::vector<std::optional<double>>& p_values) {
  std::vector<Finding> findings;
  for (const auto& p : p_values) findings.push_back({.effect = {.p = p, .p_alone = p}});
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
    result.push_back(finding.effect.p);
  }
  return result;
}

void check_same(const Finding& a, const Finding& b) {
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  BOOST_TEST(a.endpoint.name == b.endpoint.name);
  BOOST_TEST(a.endpoint.claim == b.endpoint.claim);
  BOOST_TEST(a.endpoint.unit == b.endpoint.unit);
  BOOST_TEST((a.endpoint.scale == b.endpoint.scale));
  BOOST_TEST(a.endpoint.least == b.endpoint.least);
  BOOST_TEST(same(a.effect.mean, b.effect.mean));
  BOOST_TEST((a.effect.low == b.effect.low));
  BOOST_TEST((a.effect.high == b.effect.high));
  BOOST_TEST((a.effect.p == b.effect.p));
  BOOST_TEST((a.effect.p_alone == b.effect.p_alone));
  BOOST_TEST((a.verdict == b.verdict));
  BOOST_TEST(a.note == b.note);
  BOOST_REQUIRE(a.values.size() == b.values.size());
  for (std::size_t i = 0; i < a.values.size(); ++i) BOOST_TEST(same(a.values[i], b.values[i]));
}

BOOST_AUTO_TEST_SUITE(finding)

BOOST_AUTO_TEST_CASE(a_clear_effect_is_supported) {
  const auto found = judge(difference, std::array{0.9, 1.1, 1.0, 1.2, 0.8}, "a note");
  BOOST_TEST((found.verdict == Verdict::supported));
  BOOST_TEST(found.effect.mean == 1.0, boost::test_tools::tolerance(1e-12));
  // 2.776 standard errors, of sqrt(0.025 / 5), to either side.
  BOOST_TEST(found.effect.low.value() == 1.0 - 0.19632, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(found.effect.high.value() == 1.0 + 0.19632, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(found.effect.p.value() == 2.0 / 32);
  BOOST_TEST(found.effect.p_alone.value() == 2.0 / 32);
  BOOST_TEST(found.note == "a note");
  BOOST_TEST(found.values == (std::vector{0.9, 1.1, 1.0, 1.2, 0.8}), boost::test_tools::per_element());
  BOOST_TEST(found.endpoint.name == difference.name);
}

BOOST_AUTO_TEST_CASE(no_effect_is_not_shown) {
  BOOST_TEST((verdict_of(difference, {1.0, -1.0, 0.5, -0.5}) == Verdict::not_shown));
  BOOST_TEST((verdict_of(difference, {0.0, 0.0, 0.0}) == Verdict::not_shown));
  BOOST_TEST((verdict_of(difference, {5.0, -1.0, 0.1}) == Verdict::not_shown));
}

BOOST_AUTO_TEST_CASE(the_opposite_effect_is_contradicted_however_small) {
  BOOST_TEST((verdict_of(difference, {-0.9, -1.1, -1.0}) == Verdict::contradicted));
  BOOST_TEST((verdict_of(difference, {-0.009, -0.011, -0.01}) == Verdict::contradicted));
  BOOST_TEST((verdict_of(ratio, {0.5, 0.55, 0.52}) == Verdict::contradicted));
}

BOOST_AUTO_TEST_CASE(a_certain_effect_below_the_least_is_not_shown) {
  const auto found = judge(difference, std::array{0.4, 0.41, 0.42});
  BOOST_TEST(found.effect.low.value() > 0.0);
  BOOST_TEST((found.verdict == Verdict::not_shown));
  BOOST_TEST((verdict_of(difference, {0.5, 0.5, 0.5}) == Verdict::supported));
  BOOST_TEST((verdict_of(ratio, {1.1, 1.11, 1.12}) == Verdict::not_shown));
  BOOST_TEST((verdict_of(ratio, {1.21, 1.22, 1.23}) == Verdict::supported));
}

BOOST_AUTO_TEST_CASE(one_seed_shows_nothing) {
  for (const double value : {100.0, -100.0}) {
    const auto found = judge(difference, std::array{value});
    BOOST_TEST((found.verdict == Verdict::not_shown));
    BOOST_TEST(found.effect.mean == value);
    BOOST_TEST(!found.effect.low);
    BOOST_TEST(!found.effect.high);
    BOOST_TEST(!found.effect.p);
    BOOST_TEST(!found.effect.p_alone);
  }
}

BOOST_AUTO_TEST_CASE(no_seed_is_refused) {
  BOOST_CHECK_THROW(judge(difference, {}), Error);
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_leaves_nothing_shown) {
  for (const auto& values : {std::vector{9.0, nan, 9.1}, std::vector{-9.0, -9.1, nan},
                             std::vector{9.0, infinity}, std::vector{nan, nan}}) {
    for (const auto& endpoint : {difference, ratio}) {
      const auto found = judge(endpoint, values);
      BOOST_TEST((found.verdict == Verdict::not_shown));
      BOOST_TEST(!found.effect.low);
      BOOST_TEST(!found.effect.p);
    }
  }
  // The logarithm of a ratio of zero.
  BOOST_TEST((verdict_of(ratio, {0.0, 0.5, 0.5}) == Verdict::not_shown));
}

BOOST_AUTO_TEST_CASE(ratios_have_a_geometric_mean_and_1_as_their_null) {
  const auto found = judge(ratio, std::array{1.0, 4.0});
  BOOST_TEST(found.effect.mean == 2.0, boost::test_tools::tolerance(1e-12));
  // t for one degree of freedom is 12.706; of the logarithms 0 and ln 4, the standard error is ln 2.
  BOOST_TEST(found.effect.low.value() == 2.0 * std::pow(2.0, -12.7062), boost::test_tools::tolerance(1e-4));
  BOOST_TEST(found.effect.high.value() == 2.0 * std::pow(2.0, 12.7062), boost::test_tools::tolerance(1e-4));
  BOOST_TEST((found.verdict == Verdict::not_shown));
  BOOST_TEST((verdict_of(ratio, {0.5, 2.0, 0.25, 4.0}) == Verdict::not_shown));
  BOOST_TEST((verdict_of(ratio, {1.0, 1.0, 1.0}) == Verdict::not_shown));
  BOOST_TEST((verdict_of(ratio, {2.0, 2.1, 1.9}) == Verdict::supported));
  BOOST_TEST(judge(ratio, std::array{2.0, 2.1, 1.9}).effect.p.value() == 2.0 / 8);
}

BOOST_AUTO_TEST_CASE(a_ratio_and_its_inverse_mirror_each_other) {
  const auto forward = judge(ratio, std::array{2.0, 3.0, 2.5}).effect;
  const auto backward = judge(ratio, std::array{1 / 2.0, 1 / 3.0, 1 / 2.5}).effect;
  BOOST_TEST(forward.mean * backward.mean == 1.0, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(*forward.low * *backward.high == 1.0, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(*forward.p == *backward.p);
}

BOOST_AUTO_TEST_CASE(the_rule_says_everything_that_decides) {
  const auto text = rule_of(difference);
  for (const char* part : {"95 %", "accuracy, a - b", "above 0", "at least 0.5 points", "contradicted",
                           "below 0", "otherwise not shown"})
    BOOST_TEST(text.find(part) != std::string::npos, text);
  const auto of_ratio = rule_of(ratio);
  for (const char* part : {"steps, b / a", "above 1", "at least 1.2 times", "below 1"})
    BOOST_TEST(of_ratio.find(part) != std::string::npos, of_ratio);
  auto any = difference;
  any.least = 0.0;
  BOOST_TEST(rule_of(any).find("at least") == std::string::npos, rule_of(any));
}

BOOST_AUTO_TEST_CASE(verdicts_have_the_names_of_the_contract) {
  BOOST_TEST(name_of(Verdict::supported) == "supported");
  BOOST_TEST(name_of(Verdict::contradicted) == "contradicted");
  BOOST_TEST(name_of(Verdict::not_shown) == "not shown");
}

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

BOOST_AUTO_TEST_CASE(findings_without_a_p_value_do_not_count_in_holms_correction) {
  const auto result = corrected({0.01, std::nullopt, 0.04, 0.03, std::nullopt, 0.005});
  BOOST_TEST(!result[1]);
  BOOST_TEST(!result[4]);
  BOOST_TEST(result[0].value() == 0.03, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(result[2].value() == 0.06, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(result[5].value() == 0.02, boost::test_tools::tolerance(1e-12));
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

BOOST_AUTO_TEST_CASE(verdicts_stay_under_holms_correction) {
  auto found = judge(difference, std::array{0.9, 1.1});
  auto other = judge(difference, std::array{0.9, 1.1});
  const auto before = found.verdict;
  std::array<Finding*, 2> all{&found, &other};
  correct_by_holm(all);
  BOOST_TEST(found.effect.p.value() == 1.0);
  BOOST_TEST((found.verdict == before));
}

BOOST_AUTO_TEST_CASE(findings_survive_json) {
  auto corrected = judge(ratio, std::array{2.0, 1.0 / 3.0, 0.1}, "2 of 3 runs never got there");
  corrected.effect.p = 1.0;
  for (const auto& found :
       {judge(difference, std::array{0.9, 1.1, 1.0}), judge(difference, std::array{-0.9, -1.1, -1.0}),
        judge(difference, std::array{1.0}), judge(ratio, std::array{1.0, nan}), corrected}) {
    const auto json = Json::parse(to_json(found).dump());
    BOOST_TEST(json.at("rule") == rule_of(found.endpoint));
    BOOST_TEST(json.at("verdict") == name_of(found.verdict));
    check_same(finding_of(json), found);
  }
}

BOOST_AUTO_TEST_CASE(json_has_null_for_what_there_is_not) {
  const auto json = effect_json(judge(difference, std::array{1.0}));
  BOOST_TEST(json.at("name") == "accuracy, a - b");
  BOOST_TEST(json.at("unit") == "points");
  BOOST_TEST(json.at("mean") == 1.0);
  for (const char* key : {"low", "high", "p", "p_alone"}) BOOST_TEST(json.at(key).is_null());
  BOOST_TEST(effect_json(judge(difference, std::array{nan, 1.0})).at("mean").is_null());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
