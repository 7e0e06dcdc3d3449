// The pictures of the report.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "../../support/process.hpp"
#include "../../support/report_support.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/report/arm_style.hpp"
#include "keel/tools/report/gnuplot.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using namespace keel::tools;  // NOLINT(google-build-using-namespace)

constexpr double infinite = std::numeric_limits<double>::infinity();

Figure simple_figure() {
  return {
      "A figure", {"x"}, {"y"}, {{"plain", "plain", {{1, 2, 1.5, 2.5}, {2, 3, 2.5, 3.5}, {3, 1, 0.5, 1.5}}}}};
}

BOOST_AUTO_TEST_SUITE(drawing)

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_not_drawn) {
  auto figure = simple_figure();
  const auto whole = draw(std::span{&figure, 1}).at(0);
  auto& points = figure.series[0].points;
  points.push_back({infinite, 1.0});
  points.push_back({4.0, std::nan(""), 0.0, 1.0});
  points.push_back({5.0, 1e300});
  const auto drawn = draw(std::span{&figure, 1}).at(0);
  BOOST_TEST(!contains(drawn, "nan"));
  BOOST_TEST(!contains(drawn, "inf"));
  BOOST_TEST(drawn == whole);
  // A curve is interrupted where a value is missing.
  figure = simple_figure();
  figure.series[0].points[1].y = std::nan("");
  BOOST_TEST(!contains(draw(std::span{&figure, 1}).at(0), "NaN"));
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
  const auto drawn = draw(figures);
  BOOST_REQUIRE(drawn.size() == figures.size());
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    BOOST_TEST_CONTEXT(figures[i].title) {
      BOOST_CHECK_NO_THROW(parsed("<html>" + drawn[i] + "</html>"));
      BOOST_TEST(contains(drawn[i], "no finite values") == (i < 4));
    }
  }
}

BOOST_AUTO_TEST_CASE(arms_keep_their_style) {
  Figure figure = simple_figure();
  figure.series = {{"bn", "one"}, {"plain", "two"}, {"bn", "three"}, {"somebody", "four"}, {"else", "five"}};
  const auto styles = line_styles(figure);
  BOOST_TEST(styles[0].colour == styles[2].colour);
  BOOST_TEST((styles[0].marker != styles[2].marker && styles[0].dash != styles[2].dash));
  BOOST_TEST(styles[1].colour == line_styles(simple_figure())[0].colour);
  for (const std::size_t i : {0U, 1U, 4U}) BOOST_TEST(styles[3].colour != styles[i].colour);
}

BOOST_AUTO_TEST_CASE(without_gnuplot_says_what_to_do) {
  const std::string before = std::getenv("PATH");
  const TemporaryFolder empty;
  ::setenv("PATH", empty.path().c_str(), 1);
  const auto figure = simple_figure();
  const bool available = gnuplot_available();
  std::string text;
  try {
    draw(std::span{&figure, 1});
  } catch (const Error& error) {
    text = error.what();
  }
  std::ofstream{empty.path() / "gnuplot"} << "#!/bin/sh\necho 'line 3: no such thing' >&2\nexit 7\n";
  fs::permissions(empty.path() / "gnuplot", fs::perms::owner_all);
  std::string failure;
  try {
    draw(std::span{&figure, 1});
  } catch (const Error& error) {
    failure = error.what();
  }
  ::setenv("PATH", before.c_str(), 1);
  BOOST_TEST(!available);
  BOOST_TEST(
      text ==
      "gnuplot is not installed, so the report has no pictures yet; results.json is complete: `keel report "
      "DIR` draws it later");
  BOOST_TEST(contains(failure, "gnuplot ended with status 7 (line 3: no such thing)"), failure);
  BOOST_TEST(gnuplot_available());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
