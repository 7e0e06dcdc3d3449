#include "keel/tools/report/arm_style.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>

namespace keel::tools {
namespace {

struct ArmStyle {
  std::string_view colour;
  Marker marker;
};

struct KnownArm {
  std::string_view name;
  ArmStyle style;
};

constexpr std::array known_arms{
    KnownArm{"plain", {"vermilion", Marker::circle}},
    KnownArm{"none", {"vermilion", Marker::circle}},
    KnownArm{"bn", {"blue", Marker::square}},
    KnownArm{"moving", {"blue", Marker::square}},
    KnownArm{"ln", {"green", Marker::triangle}},
    KnownArm{"population", {"green", Marker::triangle}},
    KnownArm{"folded", {"green", Marker::triangle}},
    KnownArm{"dropout", {"purple", Marker::diamond}},
    KnownArm{"noisy-bn", {"purple", Marker::diamond}},
    KnownArm{"batch", {"purple", Marker::diamond}},
    KnownArm{"bn+dropout", {"sky", Marker::triangle_down}},
    KnownArm{"bn-per-step", {"sky", Marker::triangle_down}},
    KnownArm{"bn-shared", {"blue", Marker::square}},
    KnownArm{"bn-batch", {"purple", Marker::diamond}},
    KnownArm{"he", {"ochre", Marker::pentagon}},
    KnownArm{"weight-norm", {"grey", Marker::diamond}},
};

constexpr std::array other_arms{
    ArmStyle{"ochre", Marker::pentagon},   ArmStyle{"sky", Marker::triangle_down},
    ArmStyle{"purple", Marker::diamond},   ArmStyle{"green", Marker::triangle},
    ArmStyle{"grey", Marker::circle},      ArmStyle{"blue", Marker::square},
    ArmStyle{"vermilion", Marker::circle},
};

// The style of an arm that is not known: one that no arm before it has in this figure.
ArmStyle free_style(std::span<const ArmStyle> taken) {
  for (const auto& style : other_arms)
    if (std::ranges::find(taken, style.colour, &ArmStyle::colour) == taken.end()) return style;
  return other_arms[taken.size() % other_arms.size()];
}

std::map<std::string, ArmStyle> arm_styles(const Figure& figure) {
  std::map<std::string, ArmStyle> styles;
  std::vector<ArmStyle> taken;
  for (const bool known : {true, false}) {
    for (const auto& series : figure.series) {
      const auto* own = std::ranges::find(known_arms, series.arm, &KnownArm::name);
      if (known != (own != known_arms.end()) || styles.contains(series.arm)) continue;
      taken.push_back(known ? own->style : free_style(taken));
      styles.emplace(series.arm, taken.back());
    }
  }
  return styles;
}

// The `rank`-th series of an arm.
LineStyle variation(const ArmStyle& arm, std::size_t rank, bool dashed) {
  constexpr std::array others{Marker::pentagon, Marker::triangle_down, Marker::diamond};
  constexpr std::array<std::string_view, 4> solid{"", "9 3 2 3", "2 3", "14 4"};
  constexpr std::array<std::string_view, 4> broken{"6 4", "6 3 2 3 2 3", "1 4", "3 3"};
  return {.colour = arm.colour,
          .marker = rank < 2 ? arm.marker : others[(rank / 2 - 1) % others.size()],
          .open = dashed || rank % 2 == 1,
          .dash = (dashed ? broken : solid)[rank % 4]};
}

}  // namespace

std::vector<LineStyle> line_styles(const Figure& figure) {
  const auto arms = arm_styles(figure);
  std::map<std::pair<std::string, bool>, std::size_t> ranks;
  std::vector<LineStyle> styles;
  // A dashed series is another one of its arm's (validation beside training): it keeps the symbol, open.
  for (const auto& series : figure.series)
    styles.push_back(variation(arms.at(series.arm), ranks[{series.arm, series.dashed}]++, series.dashed));
  return styles;
}

std::string marker_steps(Marker marker, const Spot& middle) {
  constexpr std::array shapes{"m-3.6,0a3.6,3.6 0 1 1 7.2,0a3.6,3.6 0 1 1 -7.2,0z",
                              "m-3.2-3.2h6.4v6.4h-6.4z",
                              "m0-4.4l4.2,7h-8.4z",
                              "m0,4.4l4.2-7h-8.4z",
                              "m0-4.6l4.6,4.6l-4.6,4.6l-4.6-4.6z",
                              "m0-4.2l4,3l-1.5,4.6h-5l-1.5-4.6z"};
  return path_step('M', middle) + shapes.at(static_cast<std::size_t>(marker));
}

std::string marker_class(const LineStyle& style) {
  return fmt::format("{} {}", style.open ? "ring" : "dot", style.colour);
}

std::string dash_attribute(const LineStyle& style) {
  return style.dash.empty() ? "" : fmt::format("stroke-dasharray=\"{}\"", style.dash);
}

}  // namespace keel::tools
