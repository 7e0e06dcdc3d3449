#include "keel/tools/report/arm_style.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>

namespace keel::tools {
namespace {

// From Okabe and Ito, "Color Universal Design" (2008); the pale ones darkened to be seen on white.
constexpr const char* vermilion = "#D55E00";
constexpr const char* blue = "#0072B2";
constexpr const char* green = "#009E73";
constexpr const char* purple = "#C2649A";
constexpr const char* sky = "#3A9BDC";
constexpr const char* ochre = "#A87900";
constexpr const char* grey = "#7F7F7F";

// gnuplot's filled symbols; the same one open is one less.
constexpr int square = 5;
constexpr int circle = 7;
constexpr int triangle = 9;
constexpr int triangle_down = 11;
constexpr int diamond = 13;
constexpr int pentagon = 15;

struct ArmStyle {
  const char* colour;
  int marker;
};

struct KnownArm {
  std::string_view name;
  ArmStyle style;
};

constexpr std::array known_arms{
    KnownArm{"plain", {vermilion, circle}},
    KnownArm{"none", {vermilion, circle}},
    KnownArm{"bn", {blue, square}},
    KnownArm{"moving", {blue, square}},
    KnownArm{"ln", {green, triangle}},
    KnownArm{"population", {green, triangle}},
    KnownArm{"folded", {green, triangle}},
    KnownArm{"dropout", {purple, diamond}},
    KnownArm{"noisy-bn", {purple, diamond}},
    KnownArm{"batch", {purple, diamond}},
    KnownArm{"bn+dropout", {sky, triangle_down}},
    KnownArm{"bn-per-step", {sky, triangle_down}},
    KnownArm{"bn-shared", {blue, square}},
    KnownArm{"bn-batch", {purple, diamond}},
};

constexpr std::array other_arms{
    ArmStyle{ochre, pentagon},   ArmStyle{sky, triangle_down}, ArmStyle{purple, diamond},
    ArmStyle{green, triangle},   ArmStyle{grey, circle},       ArmStyle{blue, square},
    ArmStyle{vermilion, circle},
};

// FNV-1a: an arm's place among the other styles does not depend on the standard library.
std::uint32_t hash(std::string_view text) {
  std::uint32_t value = 2166136261U;
  for (const char letter : text) value = (value ^ static_cast<unsigned char>(letter)) * 16777619U;
  return value;
}

// The style of an arm; one that is not known gets one that no arm before it has in this figure.
ArmStyle arm_style(std::string_view arm, std::span<const ArmStyle> taken) {
  const auto* known = std::ranges::find(known_arms, arm, &KnownArm::name);
  if (known != known_arms.end()) return known->style;
  const std::size_t first = hash(arm) % other_arms.size();
  for (std::size_t i = 0; i < other_arms.size(); ++i) {
    const auto& style = other_arms[(first + i) % other_arms.size()];
    const auto same = [&](const ArmStyle& other) { return std::string_view{other.colour} == style.colour; };
    if (std::ranges::none_of(taken, same)) return style;
  }
  return other_arms[first];
}

std::map<std::string, ArmStyle> arm_styles(const Figure& figure) {
  std::map<std::string, ArmStyle> styles;
  std::vector<ArmStyle> taken;
  const auto add = [&](const std::string& arm) {
    if (styles.contains(arm)) return;
    taken.push_back(arm_style(arm, taken));
    styles.emplace(arm, taken.back());
  };
  const auto is_known = [](const Series& series) {
    return std::ranges::find(known_arms, series.arm, &KnownArm::name) != known_arms.end();
  };
  for (const auto& series : figure.series)
    if (is_known(series)) add(series.arm);
  for (const auto& series : figure.series) add(series.arm);
  return styles;
}

// The `rank`-th series of an arm.
LineStyle variation(const ArmStyle& arm, std::size_t rank, bool dashed) {
  constexpr std::array<int, 3> others{pentagon, triangle_down, diamond};
  LineStyle style{.colour = arm.colour, .marker = arm.marker, .dash = {}};
  if (rank % 2 == 1) --style.marker;  // open
  if (rank >= 2) style.marker = others[(rank / 2 - 1) % others.size()] - static_cast<int>(rank % 2);
  const std::array<std::vector<double>, 4> solid{{{}, {9, 3, 2, 3}, {2, 3}, {14, 4}}};
  const std::array<std::vector<double>, 4> broken{{{6, 4}, {6, 3, 2, 3, 2, 3}, {1, 4}, {3, 3}}};
  style.dash = (dashed ? broken : solid)[rank % 4];
  style.width = rank == 0 ? 2.0 : 1.6;
  return style;
}

}  // namespace

std::vector<LineStyle> line_styles(const Figure& figure) {
  const auto arms = arm_styles(figure);
  std::map<std::pair<std::string, bool>, std::size_t> ranks;
  std::vector<LineStyle> styles;
  for (const auto& series : figure.series) {
    // A dashed series is another one of its arm's (validation beside training): it keeps the symbol, open.
    auto style = variation(arms.at(series.arm), ranks[{series.arm, series.dashed}]++, series.dashed);
    if (series.dashed && style.marker % 2 == 1) --style.marker;
    styles.push_back(std::move(style));
  }
  return styles;
}

}  // namespace keel::tools
