// How verdicts change with what might have been chosen otherwise.

#include "keel/tools/report/other_verdicts.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/made_up_report.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;  // NOLINT(google-build-using-namespace)

Finding of_values(const std::vector<double>& values, double least,
                  Endpoint::Scale scale = Endpoint::Scale::difference) {
  return judge({.name = "effect", .claim = "It works.", .unit = "points", .scale = scale, .least = least},
               values);
}

// Ten values around a mean, alike in their signs: p alone is 2/1024.
std::vector<double> around(double mean, double spread = 0.05) {
  std::vector<double> values;
  for (int i = 0; i < 10; ++i) values.push_back(mean + spread * ((i % 5) - 2.0));
  return values;
}

std::string name(const std::optional<Verdict>& verdict) {
  return verdict ? std::string{name_of(*verdict)} : "none";
}

// Runs with an accuracy at a rate for each of eight seeds.
std::vector<RunResult> runs_at(const char* rate, double plain, double bn) {
  std::vector<RunResult> runs;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    for (const auto& [model, accuracy] : {std::pair{"plain", plain}, {"bn", bn}}) {
      RunResult run{
          .settings = {.study = "made-up", .model = model, .factors = {{"rate", rate}}, .seed = seed}};
      run.epochs.push_back({1, 10, 0.1, 0.5, {0.5, accuracy + 0.001 * static_cast<double>(seed % 3)}});
      if (model == std::string{"bn"})
        run.epochs.back().validation.accuracy += 0.0001 * static_cast<double>(seed);
      runs.push_back(run);
    }
  }
  return runs;
}

BOOST_AUTO_TEST_SUITE(other_verdicts_of_findings)

BOOST_AUTO_TEST_CASE(half_and_twice_the_size) {
  const std::vector all{of_values(around(0.8), 1.0), of_values(around(3.0), 1.0),
                        of_values(around(1.5), 1.0)};
  const auto others = other_verdicts(all, false);
  BOOST_REQUIRE(others.size() == 3U);
  BOOST_TEST(name(others[0].half) == "supported");
  BOOST_TEST(name(others[0].twice) == "ruled out");
  BOOST_TEST(name(others[1].half) == "supported");
  BOOST_TEST(name(others[1].twice) == "supported");
  BOOST_TEST(name(others[2].half) == "supported");
  BOOST_TEST(name(others[2].twice) == "ruled out");
}

// 1.21 reaches the root of 1.44, which is 1.2; by halves of the excess it would have to reach 1.22.
BOOST_AUTO_TEST_CASE(of_a_ratio_half_the_size_is_its_root) {
  const auto others =
      other_verdicts(std::vector{of_values(around(1.21, 0.001), 1.44, Endpoint::Scale::ratio)}, true);
  BOOST_TEST(name(others[0].half) == "supported");
  BOOST_TEST(name(others[0].twice) == "ruled out");
}

BOOST_AUTO_TEST_CASE(without_a_size_there_is_no_half_of_it) {
  const auto others = other_verdicts(
      std::vector{of_values(around(1.0), 0.0), of_values(around(2.0), 1.0, Endpoint::Scale::ratio)}, false);
  for (const auto& other : others) {
    BOOST_TEST(name(other.half) == "none");
    BOOST_TEST(name(other.twice) == "none");
    BOOST_TEST(name(other.uncorrected) == "supported");
  }
}

// With seven seeds p is 2/128 alone: significant, and among four by Holm's method the last one is, where by
// Bonferroni's none is.
BOOST_AUTO_TEST_CASE(corrections) {
  const std::vector seven{1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0};
  std::vector<Finding> family(3, of_values(around(1.0), 0.0));
  family.push_back(of_values(seven, 0.0));
  BOOST_TEST(family.back().effect.p_alone.value() == 2.0 / 128);
  std::vector<Finding*> pointers;
  for (auto& finding : family) pointers.push_back(&finding);
  correct_by_holm(pointers);
  BOOST_TEST(name(family.back().verdict) == "supported");
  const auto others = other_verdicts(family, false);
  BOOST_TEST(name(others.back().uncorrected) == "supported");
  BOOST_TEST(name(others.back().bonferroni) == "not shown");
  BOOST_TEST(name(others.front().bonferroni) == "supported");
}

// Bonferroni's of one is none, and of n it is alpha / n: as if there were n - 1 other findings that show
// nothing, whether these have a p value or not.
BOOST_AUTO_TEST_CASE(bonferroni_counts_every_finding) {
  std::vector<Finding> family(3, of_values(around(1.0), 0.0));
  family[2].effect.p_alone.reset();
  for (auto& finding : family)
    finding.effect.p_alone = finding.effect.p_alone ? std::optional{0.0166} : std::nullopt;
  BOOST_TEST(name(other_verdicts(family, false)[0].bonferroni) == "supported");  // 3 x 0.0166 < 0.05
  family.push_back(family[2]);
  BOOST_TEST(name(other_verdicts(family, false)[0].bonferroni) == "not shown");  // 4 x 0.0166 > 0.05
}

BOOST_AUTO_TEST_CASE(what_can_not_be_judged_has_no_other_verdicts) {
  auto unknown = of_values(around(1.0), 1.0);
  for (auto& value : unknown.values) value.kind = Observation::Kind::unknown;
  auto nothing = unknown;
  nothing.values.clear();
  auto many = of_values(around(1.0), 1.0);
  many.values.resize(1'000'000, {1.0});
  for (const auto& other : other_verdicts(std::vector{unknown, nothing, many}, false)) {
    for (const auto& verdict : {other.half, other.twice, other.uncorrected, other.bonferroni})
      BOOST_TEST(name(verdict) == "none");
  }
  BOOST_TEST(other_verdicts({}, true).empty());
  const auto too_many = other_verdicts(std::vector(100'000, unknown), false);
  BOOST_TEST(too_many.size() == 100'000U);
  BOOST_TEST(name(too_many.front().bonferroni) == "none");
}

BOOST_AUTO_TEST_CASE(a_study_with_tuned_and_common_rates_is_judged_at_each) {
  const auto& study = *find_made_up("made-up");
  auto runs = runs_at("tuned", 0.90, 0.95);
  const auto common = runs_at("common", 0.93, 0.90);
  BOOST_TEST(!primary_at(study, runs, "tuned").has_value());
  runs.insert(runs.end(), common.begin(), common.end());
  const auto at_tuned = primary_at(study, runs, "tuned");
  const auto at_common = primary_at(study, runs, "common");
  BOOST_REQUIRE((at_tuned && at_common));
  BOOST_TEST(at_tuned->effect.mean == study.judge(runs).front().effect.mean);
  BOOST_TEST(std::abs(at_tuned->effect.mean - 5.0) < 0.1);
  BOOST_TEST(std::abs(at_common->effect.mean + 3.0) < 0.1);
  const std::vector family{*at_tuned, of_values(around(1.0), 0.0)};
  BOOST_TEST(name(verdict_among(*at_tuned, family, 0)) == "supported");
  BOOST_TEST(name(verdict_among(*at_common, family, 0)) == "contradicted");
}

// An arm that was not run at the common rate stays where it is.
BOOST_AUTO_TEST_CASE(runs_without_a_counterpart_are_kept) {
  const auto& study = *find_made_up("made-up");
  auto runs = runs_at("tuned", 0.90, 0.95);
  for (auto& run : runs_at("common", 0.80, 0.99))
    if (run.settings.model == "plain") runs.push_back(run);
  const auto at_common = primary_at(study, runs, "common");
  BOOST_REQUIRE(at_common.has_value());
  BOOST_TEST(std::abs(at_common->effect.mean - 15.0) < 0.1);
}

BOOST_AUTO_TEST_CASE(a_withheld_verdict_stays_withheld_whatever_is_chosen) {
  auto finding = of_values(around(1.0), 0.5);
  finding.withheld = "a variance was 0";
  const auto other = other_verdicts(std::vector{finding}, true).front();
  for (const auto& verdict : {other.half, other.twice, other.uncorrected, other.bonferroni})
    BOOST_TEST(name(verdict) == "not shown");
  BOOST_TEST(name(verdict_among(of_values(around(1.0), 0.5), std::vector{finding}, 0)) == "not shown");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
