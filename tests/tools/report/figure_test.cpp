// What makes a picture of the report readable by itself: its mark, its caption, an axis that panels share.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "../../support/report_support.hpp"
#include "keel/tools/findings/mark.hpp"
#include "keel/tools/report/caption.hpp"
#include "keel/tools/report/picture.hpp"
#include "keel/tools/report/plot.hpp"
#include "keel/tools/report/plot_mark.hpp"
#include "keel/tools/runs/arms.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;  // NOLINT(google-build-using-namespace)

// Plain rises from 1 to 3, batch norm from 2 to 6, at 1, 10, 100.
Figure two_arms() {
  return {
      "Two arms",
      {.name = "steps", .logarithmic = true},
      {.name = "Accuracy (%)"},
      {{"plain", "plain", {{1, 1}, {10, 2}, {100, 3}}}, {"bn", "batch norm", {{1, 2}, {10, 4}, {100, 6}}}}};
}

Figure panel(double low, double high, bool logarithmic = false) {
  return {"", {"x"}, {"y", logarithmic}, {{"bn", "bn", {{1, low}, {2, high}}}}};
}

BOOST_AUTO_TEST_SUITE(figure)

BOOST_AUTO_TEST_CASE(a_gap_at_a_place_goes_from_one_arm_to_the_other) {
  const auto mark = gap_at(two_arms(), "plain", "bn", 100.0, "+3 points");
  BOOST_REQUIRE(mark.has_value());
  BOOST_TEST((mark->from_x == 100.0 && mark->to_x == 100.0 && mark->from_y == 3.0 && mark->to_y == 6.0));
  BOOST_TEST(mark->label == "+3 points");
  BOOST_TEST(!gap_at(two_arms(), "plain", "bn", 99.0, "").has_value());
  BOOST_TEST(!gap_at(two_arms(), "plain", "ln", 100.0, "").has_value());
  auto missing = two_arms();
  missing.series[1].points[2].y = std::nan("");
  BOOST_TEST(!gap_at(missing, "plain", "bn", 100.0, "").has_value());
}

BOOST_AUTO_TEST_CASE(a_gap_along_a_level_lies_where_the_lines_cross_it) {
  const auto mark = gap_along(two_arms(), "plain", "bn", 3.0, "");
  BOOST_REQUIRE(mark.has_value());
  BOOST_TEST((mark->from_y == 3.0 && mark->to_y == 3.0));
  BOOST_TEST(mark->from_x == 100.0);
  BOOST_TEST(mark->to_x == std::sqrt(10.0),
             boost::test_tools::tolerance(1e-12));                         // half of the way, as drawn
  BOOST_TEST(!gap_along(two_arms(), "plain", "bn", 3.5, "").has_value());  // plain never gets there
  auto linear = two_arms();
  linear.x.logarithmic = false;
  BOOST_TEST(gap_along(linear, "plain", "bn", 3.0, "")->to_x == 5.5, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_mark_is_drawn_where_its_numbers_are) {
  auto figure = two_arms();
  BOOST_TEST(!contains(inline_picture(figure), "class=\"mark\""));
  figure.mark = gap_at(figure, "plain", "bn", 100.0, "-3 points");
  const auto layout = lay_out(figure);
  const auto svg = plot_elements(figure, layout);
  const Spot from{layout.x_pixel(100.0), layout.y_pixel(3.0)};
  const Spot to{layout.x_pixel(100.0), layout.y_pixel(6.0)};
  BOOST_TEST(
      contains(svg, fmt::format("<path class=\"mark\" d=\"{}{}", path_step('M', from), path_step('L', to))));
  BOOST_TEST(contains(svg, "\u22123 points</text>"));
  for (const double outside : {1e9, -1.0, std::numeric_limits<double>::infinity()}) {
    figure.mark->to_y = outside;
    BOOST_TEST(!contains(inline_picture(figure), "class=\"mark\""));
  }
}

BOOST_AUTO_TEST_CASE(the_label_of_a_mark_stays_on_the_canvas) {
  auto figure = two_arms();
  for (const double x : {1.0, 10.0, 100.0}) {
    figure.mark = Mark{x, 1.0, x, 6.0, "a label of some length"};
    const auto svg = mark_elements(figure, lay_out(figure));
    const auto number = [&](const std::string& name) {
      return std::stod(svg.substr(svg.find(" " + name + "=\"") + name.size() + 3));
    };
    const double width = text_width(figure.mark->label);
    const double before = contains(svg, "\"end\"") ? width : contains(svg, "\"middle\"") ? width / 2.0 : 0.0;
    const double left = number("x") - before;
    BOOST_TEST((left >= 0.0 && left + width <= plot_width), x);
  }
}

// Between curves that run close together there is no room: the label goes below them.
BOOST_AUTO_TEST_CASE(the_label_of_a_mark_hides_no_curve_where_there_is_room) {
  Figure figure{"", {"x"}, {.name = "y", .low = 0.0, .high = 100.0}, {{"plain", "plain"}, {"bn", "bn"}}};
  for (int x = 1; x <= 5; ++x) {
    figure.series[0].points.push_back({static_cast<double>(x), 88.0});
    figure.series[1].points.push_back({static_cast<double>(x), 92.0});
  }
  figure.mark = gap_at(figure, "plain", "bn", 5.0, "+4 points");
  const auto layout = lay_out(figure);
  const auto svg = mark_elements(figure, layout);
  const auto at = svg.find(" y=\"") + 4;
  BOOST_TEST(std::stod(svg.substr(at)) - font_size > layout.y_pixel(88.0));
}

BOOST_AUTO_TEST_CASE(a_caption_says_what_of_how_many_seeds_and_what_bars_are) {
  auto figure = two_arms();
  BOOST_TEST(caption_of(figure, "mnist") == "Accuracy (%) against steps, data mnist.");
  BOOST_TEST(contains(caption_of(figure, "/some/where/mnist/"), ", data mnist."));
  for (auto& series : figure.series)
    for (auto& point : series.points) point = {point.x, point.y, point.y - 1, point.y + 1, 12};
  figure.mark = gap_at(figure, "plain", "bn", 100.0, "+3");
  figure.note = "More to say.";
  BOOST_TEST(
      caption_of(figure, "mnist") ==
      "Accuracy (%) against steps: means of 12 seeds, data mnist. Bars: 95 % intervals of these means. Arrow: "
      "what the claim is judged by. More to say.");
  figure.series[0].points[1].count = 10;
  BOOST_TEST(contains(caption_of(figure, ""), "means of 10 to 12 seeds."));
  for (int i = 0; i < 20; ++i) figure.series[0].points.push_back({101.0 + i, 3, 2, 4, 12});
  BOOST_TEST(contains(caption_of(figure, ""), "Bars and bands: 95 %"));
  figure.series.pop_back();
  figure.mark.reset();
  BOOST_TEST(contains(caption_of(figure, ""), "seeds. Bands: 95 %"));
  BOOST_TEST(!contains(caption_of(figure, ""), "Arrow"));
}

// Intervals that no study took for such of means over seeds.
BOOST_AUTO_TEST_CASE(a_caption_says_nothing_of_intervals_that_it_does_not_know) {
  auto figure = two_arms();
  figure.series[0].points[0].low = 0.5;
  figure.series[0].points[0].high = 1.5;
  BOOST_TEST(!contains(caption_of(figure, ""), "95 %"));
}

BOOST_AUTO_TEST_CASE(points_know_of_how_many_seeds_they_are_means) {
  BOOST_TEST(point_at(1.0, std::vector{1.0, 2.0, 4.0}).count == 3);
  BOOST_TEST(point_at(1.0, BySeed{{1, 0.5}}).count == 1);
  BOOST_TEST(point_at(1.0, BySeed{}).count == 0);
}

BOOST_AUTO_TEST_CASE(a_file_has_the_caption_below_its_picture) {
  const auto svg = picture_file(two_arms(), "Of 12 seeds, -1 to 1.");
  BOOST_TEST(contains(svg, "class=\"below\">Of 12 seeds, \u22121 to 1.</text>"));
  BOOST_CHECK_NO_THROW(parsed("<html>" + svg + "</html>"));
  BOOST_TEST(!contains(picture_file(two_arms()), "class=\"below\">"));
}

BOOST_AUTO_TEST_CASE(panels_share_their_y_axis) {
  for (const bool logarithmic : {false, true}) {
    std::vector<Figure> figures{panel(1, 50, logarithmic), panel(20, 100, logarithmic)};
    const auto first = lay_out(figures[0]).y;
    const auto second = lay_out(figures[1]).y;
    share_y_axes(figures);
    for (const auto& each : figures) {
      const auto scale = lay_out(each).y;
      BOOST_TEST(scale.low == std::min(first.low, second.low));
      BOOST_TEST(scale.high == std::max(first.high, second.high));
      BOOST_TEST(each.note.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_panel_that_would_be_flat_keeps_its_axis_and_says_so) {
  std::vector<Figure> figures{panel(0, 100), panel(0, 80), panel(120, 121)};
  const auto own = lay_out(figures[2]).y;
  const double highest = lay_out(figures[0]).y.high;
  share_y_axes(figures);
  BOOST_TEST((lay_out(figures[2]).y.low == own.low && lay_out(figures[2]).y.high == own.high));
  BOOST_TEST(figures[2].note == "The y axis is this picture's own.");
  BOOST_TEST(lay_out(figures[0]).y.high == highest);
  BOOST_TEST(lay_out(figures[1]).y.high == highest);
}

BOOST_AUTO_TEST_CASE(pictures_of_other_things_share_nothing) {
  auto other_name = panel(0, 100);
  other_name.y.name = "z";
  auto other_places = panel(0, 100);
  other_places.x.name = "w";
  auto fixed = panel(0, 100);
  fixed.y.high = 200.0;
  auto empty = panel(std::nan(""), std::nan(""));
  std::vector<Figure> figures{panel(0, 10), other_name, other_places, fixed, empty};
  auto before = figures;
  share_y_axes(figures);
  for (std::size_t i = 0; i < figures.size(); ++i)
    BOOST_TEST(inline_picture(figures[i]) == inline_picture(before[i]), i);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
