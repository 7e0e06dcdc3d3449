// The axes of the report's pictures.

#include "keel/tools/report/axis_scale.hpp"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <limits>

#include "keel/tools/report/svg.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;  // NOLINT(google-build-using-namespace)

std::string labels(const Scale& scale) {
  std::string text;
  for (const auto& tick : scale.ticks)
    if (!tick.label.empty()) text += (text.empty() ? "" : " ") + tick.label;
  return text;
}

std::string labels(const Axis& axis, const std::vector<double>& values, const AxisRoom& room) {
  return labels(scale_of(axis, values, room));
}

const Axis linear{"x"};
const Axis logarithmic{"x", true};
constexpr AxisRoom across{.length = 295.0};
constexpr AxisRoom upright{.length = 195.0, .upright = true};

// The digits of a decimal number after its leading zeros, without those at the end: 25 of 0.025 and 2500.
int digits_of(double value) {
  return std::stoi(fmt::format("{:.3e}", value).substr(0, 5).erase(1, 1));
}

BOOST_AUTO_TEST_SUITE(axis_scale)

BOOST_AUTO_TEST_CASE(ticks_have_the_labels_of_a_ruler) {
  BOOST_TEST(labels({.name = "y", .low = 0.0, .high = 100.0}, {3.0}, upright) == "0 20 40 60 80 100");
  BOOST_TEST(labels(linear, {-2.3, 1.1}, upright) == "\u22122 \u22121 0 1");
  BOOST_TEST(labels(linear, {0.0, 41.0}, across) == "0 10 20 30 40");
  BOOST_TEST(labels(logarithmic, {0.01, 10.0}, across) == "0.01 0.03 0.1 0.3 1 3 10");
  BOOST_TEST(labels(logarithmic, {0.13, 0.95}, upright) == "0.2 0.3 0.5 1");
  BOOST_TEST(labels(logarithmic, {1.0, 5.0}, across) == "1 2 3 4 5");
  BOOST_TEST(labels(logarithmic, {0.1, 7000.0}, upright) == "0.1 1 10 100 1,000 10,000");
  BOOST_TEST(labels(logarithmic, {1e-25, 2.0}, upright) ==
             "10\u207B\u00B2\u2075 10\u207B\u00B2\u2070 10\u207B\u00B9\u2075 10\u207B\u00B9\u2070 "
             "10\u207B\u2075 10\u2070");
}

BOOST_AUTO_TEST_CASE(ticks_lie_at_the_values_where_these_are_few_and_short) {
  const AxisRoom room{.length = 295.0, .at_values = true};
  BOOST_TEST(labels(logarithmic, {2, 5, 10, 20, 40}, room) == "2 5 10 20 40");
  BOOST_TEST(labels(logarithmic, {20, 100, 1000, 20}, room) == "20 100 1,000");
  BOOST_TEST(labels(linear, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, room) == "2 4 6 8 10");
  BOOST_TEST(labels(linear, {0.12345, 0.4}, room) != "0.12345 0.4");
  BOOST_TEST(labels(linear, {1, 1.01, 10}, room) != "1 1.01 10");
}

BOOST_AUTO_TEST_CASE(ticks_are_round_inside_the_axis_and_clear_of_each_other) {
  for (const bool has_logarithm : {false, true}) {
    for (const auto& room : {across, upright}) {
      for (double low = 1e-7; low < 1e7; low *= 7.3) {
        for (double ratio = 1.01; ratio < 1e9; ratio *= 1.9) {
          const Axis axis{"x", has_logarithm};
          const auto scale = scale_of(axis, std::vector{low, low * ratio}, room);
          double end = -1e9;
          int count = 0;
          BOOST_TEST_CONTEXT(fmt::format("{} from {} times {}", has_logarithm, low, ratio)) {
            for (const auto& tick : scale.ticks) {
              BOOST_REQUIRE((scale.place(tick.at) > -1e-6 && scale.place(tick.at) < 1.0 + 1e-6));
              if (tick.label.empty()) continue;
              ++count;
              const double half = room.upright ? font_size / 2 : text_width(tick.label) / 2.0;
              const double middle = scale.place(tick.at) * room.length;
              BOOST_TEST_REQUIRE(middle - half > end);
              end = middle + half;
            }
            BOOST_TEST_REQUIRE(count >= 2);
            if (has_logarithm && ratio > 10.0)
              for (const auto& tick : scale.ticks) BOOST_TEST_REQUIRE(digits_of(tick.at) % 1000 == 0);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(values_lie_inside_their_axis_and_fixed_ends_stay) {
  for (const auto& values :
       {std::vector<double>{}, {0.0}, {5.0}, {-5.0, -5.0}, {1e-29, 1e29}, {-1e29, 1e29}}) {
    for (const auto& axis : {linear, logarithmic}) {
      std::vector<double> fit;
      for (const double value : values)
        if (drawable(axis, value)) fit.push_back(value);
      const auto scale = scale_of(axis, fit, across);
      BOOST_TEST(scale.high > scale.low);
      for (const double value : fit) BOOST_TEST((scale.low <= value && value <= scale.high));
    }
  }
  const auto fixed = scale_of({.name = "y", .low = 80.0, .high = 100.0}, std::vector{3.0, 500.0}, upright);
  BOOST_TEST((fixed.low == 80.0 && fixed.high == 100.0));
  BOOST_TEST(scale_of(linear, std::vector{0.0, 9.0}, across).low == 0.0);
}

BOOST_AUTO_TEST_CASE(what_an_axis_does_not_have_is_not_drawable) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  for (const double value : {infinite, -infinite, std::nan(""), 1e300})
    BOOST_TEST((!drawable(linear, value) && !drawable(logarithmic, value)));
  for (const double value : {0.0, -1.0})
    BOOST_TEST((drawable(linear, value) && !drawable(logarithmic, value)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
