// The forest plot: each finding's effect by seed, and its intervals.

#include "keel/tools/report/forest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <regex>
#include <set>

#include "../../support/report_support.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;  // NOLINT(google-build-using-namespace)
using Kind = Observation::Kind;

Finding effect_of(const std::vector<Observation>& values, Endpoint::Scale scale = Endpoint::Scale::difference,
                  double least = 0.0) {
  return judge({.name = "effect", .claim = "It works.", .unit = "points", .scale = scale, .least = least},
               std::span<const Observation>{values});
}

std::string row_of(const Finding& finding) {
  return forest_row(finding, forest_groups({&finding, 1}).front().scale);
}

// The steps of the path of a class; empty if there is none.
std::string path_of(const std::string& svg, const std::string& classes) {
  const auto opening = fmt::format("<path class=\"{}\" d=\"", classes);
  const auto at = svg.find(opening);
  if (at == std::string::npos) return "";
  const auto begin = at + opening.size();
  return svg.substr(begin, svg.find('"', begin) - begin);
}

// Where the shapes of a path begin, from left to right as drawn.
std::vector<double> places(const std::string& path) {
  std::vector<double> result;
  const std::regex begin{"M(-?[0-9.]+),"};
  for (std::sregex_iterator each{path.begin(), path.end(), begin}, end; each != end; ++each)
    result.push_back(std::stod((*each)[1]));
  return result;
}

// The ends of the level line that a path begins with.
std::pair<double, double> ends(const std::string& path) {
  const auto at = path.find('H');
  BOOST_REQUIRE(at != std::string::npos);
  return {std::stod(path.substr(1)), std::stod(path.substr(at + 1))};
}

BOOST_AUTO_TEST_SUITE(forest)

BOOST_AUTO_TEST_CASE(every_seed_is_a_dot_where_its_effect_is) {
  const auto finding = effect_of({{1.0}, {2.0}, {2.0}, {2.0}, {4.0}, {3.0}});
  const auto scale = forest_groups({&finding, 1}).front().scale;
  const auto dots = places(path_of(row_of(finding), "seeds"));
  const std::vector expected{1.0, 2.0, 2.0, 2.0, 3.0, 4.0};
  BOOST_REQUIRE(dots.size() == expected.size());
  for (std::size_t i = 0; i < dots.size(); ++i)
    BOOST_TEST(std::abs(dots[i] - (14.0 + 228.0 * scale.place(expected[i]))) < 0.06);
}

BOOST_AUTO_TEST_CASE(equal_effects_do_not_hide_each_other) {
  const auto path = path_of(row_of(effect_of({{2.0}, {2.0}, {2.0}, {2.0}, {2.0}, {2.0}, {3.0}})), "seeds");
  const std::regex spot{"M(-?[0-9.]+,[0-9.]+)"};
  std::set<std::string> spots;
  for (std::sregex_iterator each{path.begin(), path.end(), spot}, end; each != end; ++each)
    spots.insert((*each)[1]);
  BOOST_TEST(spots.size() == 7U);
}

// A file may say that there were any number of seeds.
BOOST_AUTO_TEST_CASE(a_hundred_thousand_dots_are_drawn_at_once) {
  auto finding = effect_of({{2.0}, {3.0}});
  finding.values.resize(100'000, {2.5});
  const auto path = path_of(row_of(finding), "seeds");
  BOOST_TEST(std::ranges::count(path, 'z') == 100'000);
}

BOOST_AUTO_TEST_CASE(bounds_are_arrows) {
  const auto row = row_of(effect_of(
      {{2.0}, {2.1}, {2.2}, {2.3}, {3.0, Kind::at_least}, {3.0, Kind::at_least}, {9.0, Kind::unknown}}));
  BOOST_TEST(places(path_of(row, "seeds")).size() == 4U);
  const auto bounds = path_of(row, "bounds");
  BOOST_TEST(places(bounds).size() == 2U);
  BOOST_TEST(contains(bounds, "m-1.6-2.6l4.4,2.6"));
  BOOST_TEST(contains(path_of(row, "dot"), "m-4-5.2l9,5.2"));  // the mean points to where it may lie
  BOOST_TEST(contains(row, "at least "));
  const auto at_most =
      row_of(effect_of({{2.0}, {2.1}, {2.2}, {2.3}, {1.0, Kind::at_most}, {1.0, Kind::at_most}}));
  BOOST_TEST(contains(path_of(at_most, "bounds"), "m1.6-2.6l-4.4,2.6"));
}

BOOST_AUTO_TEST_CASE(an_interval_without_an_end_goes_on_in_an_arrow) {
  const auto finding = effect_of({{3.0, Kind::at_least},
                                  {3.1, Kind::at_least},
                                  {3.2, Kind::at_least},
                                  {3.0, Kind::at_least},
                                  {3.3, Kind::at_least},
                                  {3.1, Kind::at_least}});
  BOOST_REQUIRE((finding.effect.low && !finding.effect.high));
  const auto bar = path_of(row_of(finding), "bar");
  BOOST_TEST(ends(bar).second == 249.0);
  BOOST_TEST(contains(bar, "l5,4l-5,4"));
}

BOOST_AUTO_TEST_CASE(the_corrected_interval_lies_behind_the_other_and_reaches_further) {
  std::vector<Finding> findings(3, effect_of({{1.0}, {2.0}, {2.5}, {1.5}, {2.2}, {1.4}, {1.9}, {2.4}}));
  std::vector<Finding*> family{&findings[0], &findings[1], &findings[2]};
  correct_by_holm(family);
  const auto row = row_of(findings.front());
  BOOST_TEST(row.find("class=\"whisker\"") < row.find("class=\"bar\""));
  BOOST_TEST(row.find("class=\"seeds\"") < row.find("class=\"bar\""));
  const auto [thin_left, thin_right] = ends(path_of(row, "whisker"));
  const auto [thick_left, thick_right] = ends(path_of(row, "bar"));
  BOOST_TEST((thin_left < thick_left && thin_right > thick_right));
}

BOOST_AUTO_TEST_CASE(intervals_that_are_far_off_are_cut_and_do_not_press_the_rest_flat) {
  auto finding = effect_of({{1.0}, {1.1}, {1.2}, {1.0}, {1.1}, {1.15}});
  finding.effect.low_corrected = -1e6;
  finding.effect.high_corrected = 1e6;
  const auto scale = forest_groups({&finding, 1}).front().scale;
  BOOST_TEST(scale.place(1.2) - scale.place(0.0) > 0.2);
  const auto [left, right] = ends(path_of(row_of(finding), "whisker"));
  BOOST_TEST((left == 14.0 && right == 242.0));
  BOOST_TEST(places(path_of(row_of(finding), "whisker")).size() == 1U);  // no ends across
}

BOOST_AUTO_TEST_CASE(no_effect_is_at_the_same_place_in_every_aligned_row) {
  for (const auto& finding :
       {effect_of({{1.0}, {2.0}, {3.0}}), effect_of({{-100.0}, {-120.0}, {-110.0}}),
        effect_of({{0.0}, {0.0}}), effect_of({{2.0}, {3.0}, {4.0}}, Endpoint::Scale::ratio, 1.2),
        effect_of({{0.1}, {0.2}, {0.15}}, Endpoint::Scale::ratio),
        effect_of({{1.0}}, Endpoint::Scale::ratio)}) {
    const auto scale = aligned_scale(finding);
    const double none = finding.endpoint.scale == Endpoint::Scale::ratio ? 1.0 : 0.0;
    BOOST_TEST(std::abs(scale.place(none) - 0.3) < 1e-9);
    BOOST_TEST((scale.place(finding.effect.mean) > 0.0 && scale.place(finding.effect.mean) < 1.0));
  }
}

BOOST_AUTO_TEST_CASE(every_verdict_has_a_mark_of_its_own) {
  std::set<std::string> marks;
  auto finding = effect_of({{1.0}, {2.0}, {2.5}, {1.5}, {2.2}, {1.4}});
  for (const auto verdict :
       {Verdict::supported, Verdict::contradicted, Verdict::ruled_out, Verdict::not_shown}) {
    finding.verdict = verdict;
    const auto row = row_of(finding);
    marks.insert(path_of(row, "dot") + "|" + path_of(row, "ring"));
  }
  BOOST_TEST(marks.size() == 4U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
