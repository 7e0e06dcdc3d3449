#include "keel/tools/findings/finding.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "keel/runtime/error.hpp"
#include "keel/tools/findings/effect_text.hpp"
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
  BOOST_TEST((a.effect.low_corrected == b.effect.low_corrected));
  BOOST_TEST((a.effect.high_corrected == b.effect.high_corrected));
  BOOST_TEST((a.effect.p == b.effect.p));
  BOOST_TEST((a.effect.p_alone == b.effect.p_alone));
  BOOST_TEST((a.effect.p_holm == b.effect.p_holm));
  BOOST_TEST((a.verdict == b.verdict));
  BOOST_TEST(a.note == b.note);
  BOOST_REQUIRE(a.values.size() == b.values.size());
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    BOOST_TEST(same(a.values[i].value, b.values[i].value));
    BOOST_TEST((a.values[i].kind == b.values[i].kind));
  }
  BOOST_TEST(a.withheld == b.withheld);
  BOOST_TEST(a.endpoint.resolution == b.endpoint.resolution);
}

BOOST_AUTO_TEST_SUITE(finding)

BOOST_AUTO_TEST_CASE(a_clear_effect_is_supported) {
  const auto found = judge(difference, std::array{0.9, 1.1, 1.0, 1.2, 0.8, 1.0}, "a note");
  BOOST_TEST((found.verdict == Verdict::supported));
  BOOST_TEST(found.effect.mean == 1.0, boost::test_tools::tolerance(1e-12));
  // 2.5706 standard errors, of sqrt(0.02 / 6), to either side; the sample has no skewness.
  BOOST_TEST(found.effect.low.value() == 1.0 - 0.14841, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(found.effect.high.value() == 1.0 + 0.14841, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(found.effect.p.value() == 2.0 / 64);
  BOOST_TEST(found.effect.p_alone.value() == 2.0 / 64);
  BOOST_TEST(found.note == "a note");
  BOOST_REQUIRE(found.values.size() == 6U);
  BOOST_TEST(found.values[1].value == 1.1);
  BOOST_TEST(found.endpoint.name == difference.name);
}

BOOST_AUTO_TEST_CASE(fewer_than_six_seeds_show_nothing) {
  for (const auto& values : {std::vector(5, 1.0),
                             {0.9, 1.1, 1.0, 1.2, 0.8},
                             {-1.0, -1.1, -1.0, -1.2, -1.1},
                             std::vector(5, 0.0)}) {
    BOOST_TEST((verdict_of(difference, values) == Verdict::not_shown));
    auto more = values;
    more.push_back(values.front());
    BOOST_TEST((verdict_of(difference, more) != Verdict::not_shown));
  }
}

BOOST_AUTO_TEST_CASE(no_effect_of_a_wide_spread_is_not_shown) {
  BOOST_TEST((verdict_of(difference, {1.0, -1.0, 0.5, -0.5, 0.8, -0.8}) == Verdict::not_shown));
  BOOST_TEST((verdict_of(difference, {5.0, -1.0, 0.1, 2.0, -0.5, 3.0}) == Verdict::not_shown));
}

BOOST_AUTO_TEST_CASE(the_opposite_effect_is_contradicted_however_small) {
  BOOST_TEST((verdict_of(difference, {-0.9, -1.1, -1.0, -0.9, -1.0, -1.1}) == Verdict::contradicted));
  BOOST_TEST(
      (verdict_of(difference, {-0.009, -0.011, -0.01, -0.01, -0.009, -0.01}) == Verdict::contradicted));
  BOOST_TEST((verdict_of(ratio, {0.5, 0.55, 0.52, 0.5, 0.51, 0.53}) == Verdict::contradicted));
}

BOOST_AUTO_TEST_CASE(what_is_certainly_below_the_size_named_is_ruled_out) {
  const auto found = judge(difference, std::array{0.3, 0.31, 0.32, 0.3, 0.31, 0.32});
  BOOST_TEST(found.effect.low.value() > 0.0);
  BOOST_TEST((found.verdict == Verdict::ruled_out));
  BOOST_TEST((verdict_of(difference, {0.1, -0.1, 0.05, -0.05, 0.08, -0.1}) == Verdict::ruled_out));
  BOOST_TEST((verdict_of(difference, std::vector(6, 0.0)) == Verdict::ruled_out));
  BOOST_TEST((verdict_of(difference, std::vector(6, 0.5)) == Verdict::supported));
  BOOST_TEST((verdict_of(ratio, {1.1, 1.11, 1.12, 1.1, 1.11, 1.12}) == Verdict::ruled_out));
  BOOST_TEST((verdict_of(ratio, {1.21, 1.22, 1.23, 1.21, 1.22, 1.23}) == Verdict::supported));
  // An interval that reaches the size named leaves it open.
  BOOST_TEST((verdict_of(difference, {0.3, 0.6, 0.45, 0.5, 0.4, 0.45}) == Verdict::not_shown));
  auto any = difference;
  any.least = 0.0;  // no size is named
  BOOST_TEST((verdict_of(any, {0.1, -0.1, 0.05, -0.05, 0.08, -0.1}) == Verdict::not_shown));
}

BOOST_AUTO_TEST_CASE(no_interval_is_narrower_than_what_is_resolved) {
  auto coarse = difference;
  coarse.resolution = 0.5;
  const auto found = judge(coarse, std::vector(6, 0.6));
  BOOST_TEST(found.effect.low.value() == 0.35, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(found.effect.high.value() == 0.85, boost::test_tools::tolerance(1e-12));
  BOOST_TEST((judge(coarse, std::vector(6, 0.2)).verdict == Verdict::ruled_out));
  BOOST_TEST((judge(coarse, std::vector(6, 0.3)).verdict == Verdict::not_shown));
  auto of_ratio = ratio;
  of_ratio.resolution = 4.0;
  const auto twice = judge(of_ratio, std::vector(6, 3.0));
  BOOST_TEST(twice.effect.low.value() == 1.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(twice.effect.high.value() == 6.0, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(bounds_are_no_values) {
  using Kind = Observation::Kind;
  const auto least = [](double value) { return Observation{value, Kind::at_least}; };
  const std::vector<Observation> some{{3.0}, {3.2}, least(3.1), {2.9}, least(3.3), {3.1}, {3.0}, {3.2}};
  const auto found = judge(ratio, some);
  std::vector<double> taken_for_values;
  for (const auto& observation : some) taken_for_values.push_back(observation.value);
  const auto narrow = judge(ratio, taken_for_values);
  BOOST_TEST((found.verdict == Verdict::supported));
  BOOST_TEST(found.effect.mean == narrow.effect.mean);
  BOOST_TEST(found.effect.high.value() > narrow.effect.high.value());
  BOOST_TEST((bound_of(found.values) == Kind::at_least));

  // All are bounds: of the mean nothing is known above.
  const auto open = judge(ratio, std::vector(6, least(3.0)));
  BOOST_TEST(!open.effect.high);
  BOOST_TEST(open.effect.low.value() == 3.0, boost::test_tools::tolerance(1e-12));
  BOOST_TEST((open.verdict == Verdict::supported));
  BOOST_TEST(open.effect.p.value() == 2.0 / 64);

  // Lower bounds below no effect say nothing, nor do values of which nothing is known.
  const auto below = judge(ratio, std::vector(6, least(0.5)));
  BOOST_TEST((below.verdict == Verdict::not_shown));
  BOOST_TEST(!below.effect.p);
  const auto nothing = judge(ratio, std::vector(6, Observation{1.0, Kind::unknown}));
  BOOST_TEST((nothing.verdict == Verdict::not_shown));
  BOOST_TEST(effect_text(nothing).mean == "not known");
  BOOST_TEST(effect_text(nothing).interval == "");
  BOOST_TEST(!nothing.effect.low);
  BOOST_TEST(!nothing.effect.p);
  auto mixed = std::vector(5, Observation{3.0});
  mixed.push_back({1.0, Kind::unknown});
  BOOST_TEST((judge(ratio, mixed).verdict == Verdict::not_shown));
}

// A tenth is no binary fraction: twelve of them have a mean that is short of it by rounding.
BOOST_AUTO_TEST_CASE(a_mean_of_exactly_the_size_named_reaches_it) {
  for (const double size : {0.1, 0.2, 0.3, 0.6, 1.1}) {
    auto endpoint = difference;
    endpoint.least = size;
    BOOST_TEST((verdict_of(endpoint, std::vector(12, size)) == Verdict::supported), size);
  }
  auto three = ratio;
  three.least = 3.0;
  BOOST_TEST((verdict_of(three, std::vector(12, 3.0)) == Verdict::supported));
}

// Accuracies in percent are rounded before they are subtracted; counted in whole tenths of a point, 232 of the 4096
// ways to give these differences signs have a sum as far from 0.
BOOST_AUTO_TEST_CASE(sums_that_differ_by_the_rounding_of_what_was_measured_count_as_equal) {
  std::vector<double> differences;
  for (const int tenths : {-5, -7, -2, -5, -10, 0, 11, -3, -6, -4, -9, -2})
    differences.push_back(100.0 * ((967.0 + tenths) / 1000.0) - 100.0 * (967.0 / 1000.0));
  BOOST_TEST(judge(difference, differences).effect.p.value() == 232.0 / 4096);
}

BOOST_AUTO_TEST_CASE(a_withheld_verdict_is_not_shown) {
  auto found = judge(difference, std::vector(8, 1.0));
  BOOST_TEST((found.verdict == Verdict::supported));
  found.withheld = "a batch norm met a variance of 0";
  std::array<Finding*, 1> all{&found};
  correct_by_holm(all);
  BOOST_TEST((found.verdict == Verdict::not_shown));
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
  BOOST_CHECK_THROW(judge(difference, std::vector<double>{}), Error);
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
  BOOST_TEST((verdict_of(ratio, {0.5, 2.0, 0.25, 4.0, 0.5, 2.0}) == Verdict::not_shown));
  BOOST_TEST((verdict_of(ratio, {2.0, 2.1, 1.9, 2.0, 2.1, 1.9}) == Verdict::supported));
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
  for (const char* part :
       {"95 %", "accuracy, a - b", "above 0", "at least 0.5 points", "contradicted", "below 0",
        "ruled out when it lies wholly below 0.5 points", "six seeds, not shown"})
    BOOST_TEST(text.find(part) != std::string::npos, text);
  const auto of_ratio = rule_of(ratio);
  for (const char* part : {"steps, b / a", "above 1", "at least 1.2 times", "below 1"})
    BOOST_TEST(of_ratio.find(part) != std::string::npos, of_ratio);
  auto any = difference;
  any.least = 0.0;
  BOOST_TEST(rule_of(any).find("at least") == std::string::npos, rule_of(any));
  BOOST_TEST(rule_of(any).find("ruled out") == std::string::npos, rule_of(any));
}

BOOST_AUTO_TEST_CASE(verdicts_have_the_names_of_the_contract) {
  BOOST_TEST(name_of(Verdict::supported) == "supported");
  BOOST_TEST(name_of(Verdict::contradicted) == "contradicted");
  BOOST_TEST(name_of(Verdict::ruled_out) == "ruled out");
  BOOST_TEST(name_of(Verdict::not_shown) == "not shown");
}

BOOST_AUTO_TEST_CASE(findings_survive_json) {
  auto corrected = judge(
      ratio,
      std::vector<Observation>{{2.0}, {3.0, Observation::Kind::at_least}, {0.1, Observation::Kind::at_most}},
      "2 of 3 runs never got there");
  corrected.effect.p = 1.0;
  corrected.withheld = "a gradient was not finite";
  for (const auto& found : {judge(difference, std::vector(6, 1.0)), judge(difference, std::vector(6, -1.0)),
                            judge(difference, std::vector(6, 0.1)), judge(difference, std::array{1.0}),
                            judge(ratio, std::array{1.0, nan}), corrected}) {
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
