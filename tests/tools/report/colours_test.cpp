// The report's colours, on light pages and dark ones, for all eyes.

#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "keel/tools/report/arm_style.hpp"
#include "keel/tools/report/style.hpp"
#include "keel/tools/report/verdict_style.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;  // NOLINT(google-build-using-namespace)

using Rgb = std::array<double, 3>;  // linear

// Of "#0072b2".
Rgb rgb_of(const std::string& colour) {
  Rgb rgb{};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto digits = colour.size() == 4 ? std::string(2, colour[1 + i]) : colour.substr(1 + 2 * i, 2);
    const double value = std::stoi(digits, nullptr, 16) / 255.0;
    rgb[i] = value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  }
  return rgb;
}

// The relative luminance, by WCAG 2.
double luminance(const std::string& colour) {
  const auto [red, green, blue] = rgb_of(colour);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

double contrast(const std::string& a, const std::string& b) {
  const auto [low, high] = std::minmax({luminance(a), luminance(b)});
  return (high + 0.05) / (low + 0.05);
}

// As someone without the cones of one kind sees a colour: Vienot, Brettel and Mollon 1999 (protanopia,
// deuteranopia); of tritanopia a plane as simple.
Rgb seen(const Rgb& rgb, int missing) {
  constexpr std::array<std::array<double, 9>, 4> views{
      {{1, 0, 0, 0, 1, 0, 0, 0, 1},
       {0.11238, 0.88762, 0, 0.11238, 0.88762, 0, 0.00401, -0.00401, 1},
       {0.29275, 0.70725, 0, 0.29275, 0.70725, 0, -0.02234, 0.02234, 1},
       {1, 0.1273, -0.1273, 0, 0.8739, 0.1261, 0, 0.8739, 0.1261}}};
  const auto& view = views.at(static_cast<std::size_t>(missing));
  Rgb result{};
  for (std::size_t i = 0; i < 3; ++i)
    result[i] = view[3 * i] * rgb[0] + view[3 * i + 1] * rgb[1] + view[3 * i + 2] * rgb[2];
  return result;
}

// How far apart two colours look: the distance in CIE L*a*b*, of which 2 can just be told.
double distance(const Rgb& a, const Rgb& b) {
  const auto lab = [](const Rgb& rgb) {
    const auto f = [](double t) { return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116.0; };
    const double x = f((0.4124 * rgb[0] + 0.3576 * rgb[1] + 0.1805 * rgb[2]) / 0.9505);
    const double y = f(0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]);
    const double z = f((0.0193 * rgb[0] + 0.1192 * rgb[1] + 0.9505 * rgb[2]) / 1.089);
    return Rgb{116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)};
  };
  const auto p = lab(a);
  const auto q = lab(b);
  return std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

// The colour that comes behind `name` in a light or dark part of a style sheet.
std::string colour_after(const std::string& rules, const std::string& name) {
  const auto at = rules.find(name);
  BOOST_REQUIRE(at != std::string::npos);
  const auto begin = rules.find('#', at);
  return rules.substr(begin, rules.find_first_of(";}", begin) - begin);
}

// The rules for light windows, and those for dark ones. Of page and pictures each has its own part.
std::array<std::string, 2> schemes(const std::string& rules) {
  std::array<std::string, 2> result;
  constexpr std::string_view dark = "@media screen and (prefers-color-scheme:dark){";
  for (std::size_t at = 0; at < rules.size();) {
    const auto begin = std::min(rules.find(dark, at), rules.size());
    result[0] += rules.substr(at, begin - at);
    const auto end = std::min(rules.find("\n}", begin), rules.size());
    if (begin < rules.size()) result[1] += rules.substr(begin, end - begin);
    at = end;
  }
  return result;
}

BOOST_AUTO_TEST_SUITE(colours)

BOOST_AUTO_TEST_CASE(colours_are_seen_in_light_and_dark) {
  std::set<std::string> used;
  Figure figure;
  for (const auto* arm : {"plain", "bn", "ln", "dropout", "bn+dropout", "one", "two"})
    figure.series.push_back({arm, arm});
  for (const auto& style : line_styles(figure)) used.emplace(style.colour);
  BOOST_TEST(used.size() == 7U);
  for (const auto& scheme : schemes(picture_style())) {
    const auto page = colour_after(scheme, ".chart .ring{fill");
    BOOST_TEST(contrast(page, colour_after(scheme, ".chart text{fill")) > 12.0);
    for (const auto& colour : used)
      BOOST_TEST(contrast(page, colour_after(scheme, fmt::format(".{}{{color", colour))) > 3.0, colour);
  }
}

BOOST_AUTO_TEST_CASE(words_of_verdicts_are_read_on_light_pages_and_dark_ones) {
  for (const auto& scheme : schemes(style_sheet())) {
    const auto page = colour_after(scheme, "--paper:");
    for (const auto* name : {"--supported:", "--contradicted:", "--ruled-out:", "--open:", "--muted:"})
      BOOST_TEST(contrast(page, colour_after(scheme, name)) > 4.5, name);
  }
}

BOOST_AUTO_TEST_CASE(verdicts_are_told_apart_by_colour_blind_readers) {
  const std::array names{"--supported:", "--contradicted:", "--ruled-out:", "--open:"};
  for (const auto& scheme : schemes(style_sheet())) {
    for (int missing = 0; missing < 4; ++missing) {
      for (std::size_t i = 0; i < names.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
          const auto a = seen(rgb_of(colour_after(scheme, names[i])), missing);
          const auto b = seen(rgb_of(colour_after(scheme, names[k])), missing);
          BOOST_TEST(distance(a, b) > 10.0, names[i] << " and " << names[k] << ", without cones " << missing);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
