// The pictures of the report.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <regex>

#include "../../support/process.hpp"
#include "../../support/report_support.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/report/arm_style.hpp"
#include "keel/tools/report/picture.hpp"
#include "keel/tools/report/plot.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;  // NOLINT(google-build-using-namespace)

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr auto markup = R"(<b>"1" & 'x'</b>)";

Figure simple_figure() {
  return {
      "A figure", {"x"}, {"y"}, {{"plain", "plain", {{1, 2, 1.5, 2.5}, {2, 3, 2.5, 3.5}, {3, 1, 0.5, 1.5}}}}};
}

// A hundred points of a curve that rises from -50 to 150 on an axis from 0 to 100, with a level.
Figure steep_figure() {
  Figure figure{"Steep", {"x"}, {.name = "y", .low = 0.0, .high = 100.0}, {{"bn", "bn"}}, {{95.0, "95 %"}}};
  for (int i = 0; i <= 100; ++i) {
    const double y = 2.0 * i - 50.0;
    figure.series[0].points.push_back({static_cast<double>(i), y, y - 10.0 - i % 7, y + 10.0 + i % 5});
  }
  return figure;
}

// What the paths of this class, or of every class, visit with absolute steps. (A path is long, and
// std::regex calls itself for every character that it matches: it gets one step at a time.)
std::vector<Spot> corners(std::string_view drawn, std::string_view classes = {}) {
  std::vector<Spot> spots;
  const auto opening =
      classes.empty() ? std::string{"<path class=\""} : fmt::format("<path class=\"{}\"", classes);
  const std::regex step{"([MLHVa-z])(-?[0-9.]+)(?:,(-?[0-9.]+))?"};
  for (auto at = drawn.find(opening); at != drawn.npos; at = drawn.find(opening, at + 1)) {
    const auto tag = drawn.substr(at, drawn.find('>', at) - at);
    const auto begin = tag.find(" d=\"") + 4;
    const std::string steps{tag.substr(begin, tag.find('"', begin) - begin)};
    for (std::sregex_iterator one{steps.begin(), steps.end(), step}, end; one != end; ++one) {
      const char command = *(*one)[1].first;
      const double number = std::stod((*one)[2]);
      if (command == 'M' || command == 'L') spots.push_back({number, std::stod((*one)[3])});
      if (command == 'H') spots.push_back({number, spots.back().y});
      if (command == 'V') spots.push_back({spots.back().x, number});
    }
  }
  return spots;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string drawn(const Figure& figure) {
  return plot_elements(figure, lay_out(figure));
}

BOOST_AUTO_TEST_SUITE(drawing)

BOOST_AUTO_TEST_CASE(points_lie_where_their_values_are) {
  Figure figure{"", {.name = "x", .low = 0.0, .high = 10.0}, {.name = "y", .low = 0.0, .high = 100.0}};
  figure.series = {{"bn", "bn", {{0, 0}, {5, 50}, {10, 100}}}};
  auto layout = lay_out(figure);
  const double middle_x = (layout.left + layout.right) / 2.0;
  const double middle_y = (layout.top + layout.bottom) / 2.0;
  const auto line = path_step('M', {layout.left, layout.bottom}) + path_step('L', {middle_x, middle_y}) +
                    path_step('L', {layout.right, layout.top});
  BOOST_TEST(contains(drawn(figure), line));
  BOOST_TEST(contains(drawn(figure), marker_steps(Marker::square, {middle_x, middle_y})));
  BOOST_TEST(
      contains(drawn(figure), fmt::format("y=\"{}\" text-anchor=\"end\">40<",
                                          pixels(layout.bottom - 0.4 * (layout.bottom - layout.top) + 4.3))));
  figure.x = {.name = "x", .logarithmic = true, .low = 0.1, .high = 1000.0};
  figure.y = {.name = "y", .logarithmic = true, .low = 1.0, .high = 1e6};
  figure.series = {{"bn", "bn", {{10, 1000}}}};
  layout = lay_out(figure);
  const Spot middle{(layout.left + layout.right) / 2.0, middle_y};
  BOOST_TEST(contains(drawn(figure), marker_steps(Marker::square, middle)));
}

BOOST_AUTO_TEST_CASE(intervals_are_bars_of_few_points_and_bands_of_many) {
  const auto few = corners(drawn(simple_figure()), "bar vermilion");
  const auto layout = lay_out(simple_figure());
  BOOST_REQUIRE(few.size() >= 2U);
  BOOST_TEST(std::abs(few[0].y - layout.y_pixel(1.5)) < 0.051);
  BOOST_TEST(std::abs(few[1].y - layout.y_pixel(2.5)) < 0.051);
  BOOST_TEST(corners(drawn(simple_figure()), "band vermilion").empty());
  const auto many = drawn(steep_figure());
  const auto band = corners(many, "band blue");
  const auto line = corners(many, "line blue");
  BOOST_TEST(corners(many, "bar blue").empty());
  BOOST_REQUIRE(line.size() > 40U);
  for (const auto& spot : line) {
    double above = infinite;
    double below = -infinite;
    for (const auto& edge : band) {
      if (std::abs(edge.x - spot.x) > 1.6) continue;
      above = std::min(above, edge.y);
      below = std::max(below, edge.y);
    }
    BOOST_TEST((above <= spot.y && spot.y <= below));
  }
}

BOOST_AUTO_TEST_CASE(curves_end_where_they_leave_the_axes) {
  const auto figure = steep_figure();
  const auto layout = lay_out(figure);
  const auto line = corners(drawn(figure), "line blue");
  BOOST_TEST(std::abs(line.front().x - layout.x_pixel(25.0)) < 0.051);
  BOOST_TEST(std::abs(line.front().y - layout.bottom) < 0.051);
  BOOST_TEST(std::abs(line.back().x - layout.x_pixel(75.0)) < 0.051);
  BOOST_TEST(std::abs(line.back().y - layout.top) < 0.051);
  for (const auto* kind : {"line blue", "band blue", "dot blue"}) {
    for (const auto& spot : corners(drawn(figure), kind)) {
      BOOST_TEST((spot.x >= layout.left - 0.051 && spot.x <= layout.right + 0.051), kind);
      BOOST_TEST((spot.y >= layout.top - 0.051 && spot.y <= layout.bottom + 0.051), kind);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_not_drawn) {
  auto figure = simple_figure();
  const auto whole = inline_picture(figure);
  auto& points = figure.series[0].points;
  points.push_back({infinite, 1.0});
  points.push_back({4.0, std::nan(""), 0.0, 1.0});
  points.push_back({5.0, 1e300});
  BOOST_TEST(inline_picture(figure) == whole);
  for (const auto* part : {"nan", "inf", "e+"}) BOOST_TEST(!contains(whole, part), part);
}

BOOST_AUTO_TEST_CASE(a_curve_is_interrupted_where_a_value_is_missing) {
  Figure figure{"",
                {"x"},
                {"y"},
                {{"bn", "bn", {{1, 1}, {2, 2}, {3, std::nan("")}, {4, 4}, {5, 5}, {6, infinite}, {7, 7}}}}};
  figure.series[0].marked = false;
  const auto svg = drawn(figure);
  const auto line = corners(svg, "line blue");
  const auto layout = lay_out(figure);
  BOOST_REQUIRE(line.size() == 4U);
  BOOST_TEST(std::abs(line[1].x - layout.x_pixel(2.0)) < 0.051);
  BOOST_TEST(std::abs(line[2].x - layout.x_pixel(4.0)) < 0.051);
  // A point alone, to which no line leads, has a symbol all the same.
  BOOST_TEST(contains(svg, marker_steps(Marker::square, {layout.x_pixel(7.0), layout.y_pixel(7.0)})));
  BOOST_TEST(corners(svg, "dot blue").size() == 1U);
}

BOOST_AUTO_TEST_CASE(intervals_that_reach_zero_end_with_a_logarithmic_axis) {
  Figure figure{"", {"x"}, {"y", true}, {{"bn", "bn", {{1, 1.0, 0.0, 2.0}, {2, 0.0}, {3, 2.0, 1.5, 3.0}}}}};
  const auto layout = lay_out(figure);
  const auto bars = corners(drawn(figure), "bar blue");
  BOOST_REQUIRE(!bars.empty());
  BOOST_TEST(std::abs(bars[0].y - layout.bottom) < 0.051);
  BOOST_TEST(corners(drawn(figure), "dot blue").size() == 2U);
}

BOOST_AUTO_TEST_CASE(figures_without_anything_to_draw) {
  const std::vector<Figure> figures{
      {},
      {"no series", {"x"}, {"y"}},
      {"not finite", {"x"}, {"y"}, {{"bn", "bn", {{1, infinite}}}}},
      {"negative on a logarithmic axis", {"x", true}, {"y", true}, {{"bn", "bn", {{-1, -1}}}}},
      {"one point", {"x", true}, {"y", true}, {{"bn", "bn", {{1, 1, -1, 2}}}}},
      {"constant", {"x"}, {"y"}, {{"bn", "bn", {{1, 0}, {2, 0}}}}},
      {"ends the wrong way", {"x"}, {.name = "y", .low = 9, .high = 3}, {{"bn", "bn", {{1, 5}}}}},
      {"far apart", {"x", true}, {"y"}, {{"bn", "bn", {{1e-20, -1e20}, {1e20, 1e20}}}}},
      {"places", {.name = "x", .categories = {"a", "b"}}, {"y"}, {{"bn", "bn", {{0, 1}, {7, 2}}}}},
  };
  for (std::size_t i = 0; i < figures.size(); ++i) {
    BOOST_TEST_CONTEXT(figures[i].title) {
      const auto svg = inline_picture(figures[i]);
      BOOST_CHECK_NO_THROW(parsed("<html>" + svg + "</html>"));
      BOOST_TEST(contains(svg, ">no finite values<") == (i < 4));
      BOOST_TEST(!contains(svg, "nan"));
      BOOST_CHECK_NO_THROW(parsed("<html>" + picture_file(figures[i]) + "</html>"));
    }
  }
}

BOOST_AUTO_TEST_CASE(nothing_lies_outside_the_picture) {
  auto wide = steep_figure();
  wide.y.name = "a name of the axis that goes on and on, far beyond the width that a picture has on a phone";
  wide.x.name = wide.y.name;
  wide.levels = {{95.0, "95 %"}, {95.5, "another"}, {96.0, "a third"}, {300.0, "outside"}};
  Figure crowded{"Crowded", {.name = "size"}, {"y"}, {{"bn", "bn", {{0, 1e6}, {19, 9e6}}}}};
  for (int i = 0; i < 20; ++i) crowded.x.categories.push_back(fmt::format("batch {}", i));
  const std::regex text{R"re(<text x="([^"]*)" y="([^"]*)" text-anchor="([a-z]*)"([^>]*)>([^<]*)<)re"};
  for (const auto& figure : {simple_figure(), wide, crowded}) {
    const auto svg = drawn(figure);
    const auto layout = lay_out(figure);
    std::vector<Spot> spots = corners(svg);
    for (std::sregex_iterator each{svg.begin(), svg.end(), text}, end; each != end; ++each) {
      const Spot foot{std::stod((*each)[1]), std::stod((*each)[2])};
      const double width = text_width((*each)[5].str());
      const double before = (*each)[3] == "start" ? 0.0 : (*each)[3] == "middle" ? width / 2 : width;
      const bool slanted = contains((*each)[4], "rotate(-45");
      const double turn = slanted ? std::sqrt(0.5) : 1.0;
      spots.push_back({foot.x - turn * before, slanted ? foot.y + turn * before : foot.y});
      spots.push_back({foot.x + turn * (width - before), foot.y - font_size});
    }
    for (const auto& spot : spots) {
      BOOST_TEST((spot.x > -0.051 && spot.x < plot_width + 0.051), figure.title << ", x " << spot.x);
      BOOST_TEST((spot.y > -0.051 && spot.y < layout.height + 0.051), figure.title << ", y " << spot.y);
    }
  }
  BOOST_TEST(count_of(drawn(crowded), "rotate(-45") == 20U);
  BOOST_TEST(!contains(drawn(wide), "outside"));
}

BOOST_AUTO_TEST_CASE(names_are_escaped_and_told_to_those_who_do_not_see) {
  Figure figure{markup,
                {.name = markup, .categories = {markup, "b"}},
                {markup},
                {{markup, markup, {{0, 3}, {1, 0.5}}}}};
  for (const auto& svg : {inline_picture(figure), picture_file(figure)}) {
    BOOST_TEST(!contains(svg, "<b>"));
    const auto tree = parsed("<html>" + svg + "</html>");
    BOOST_TEST(tree.get<std::string>("html.svg.title") == markup);
    BOOST_TEST(tree.get<std::string>("html.svg.desc") ==
               fmt::format("{0} against {0}. {0}: 3 at {0}, 0.5 at b.", markup));
  }
}

BOOST_AUTO_TEST_CASE(arms_keep_their_style) {
  Figure figure = simple_figure();
  figure.series = {{"bn", "one"}, {"plain", "two"}, {"bn", "three"}, {"somebody", "four"}, {"else", "five"}};
  const auto styles = line_styles(figure);
  BOOST_TEST(styles[0].colour == styles[2].colour);
  BOOST_TEST((styles[0].open != styles[2].open && styles[0].dash != styles[2].dash));
  BOOST_TEST(styles[1].colour == line_styles(simple_figure())[0].colour);
  for (const std::size_t i : {0U, 1U, 4U}) BOOST_TEST(styles[3].colour != styles[i].colour);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
