#include "keel/tools/report/forest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/report/arm_style.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/svg.hpp"

namespace keel::tools {
namespace {

constexpr double forest_width = 256.0;
constexpr double forest_margin = 14.0;
constexpr double forest_height = 34.0;

double none_of(const Endpoint& endpoint) {
  return endpoint.scale == Endpoint::Scale::ratio ? 1.0 : 0.0;
}

double place(const Scale& scale, double value) {
  return forest_margin + std::clamp(scale.place(value), 0.0, 1.0) * (forest_width - 2 * forest_margin);
}

Axis axis_of(const Endpoint& endpoint) {
  return {.name = endpoint.unit, .logarithmic = endpoint.scale == Endpoint::Scale::ratio};
}

Scale scale_of_group(std::span<const Finding* const> findings) {
  const auto axis = axis_of(findings.front()->endpoint);
  std::vector<double> values;
  const auto add = [&](double value) {
    if (drawable(axis, value)) values.push_back(value);
  };
  for (const auto* finding : findings) {
    add(none_of(finding->endpoint));
    if (finding->endpoint.least > none_of(finding->endpoint)) add(finding->endpoint.least);
    add(finding->effect.mean);
    if (finding->effect.low) add(*finding->effect.low);
    if (finding->effect.high) add(*finding->effect.high);
  }
  // Zero must not be the end of the axis, where an interval that reaches it would not be seen to.
  if (!axis.logarithmic) {
    const auto [low, high] = std::ranges::minmax(values);
    if (low >= 0.0) values.push_back(-0.04 * std::max(high, 1e-9));
  }
  return scale_of(axis, values, {.length = forest_width - 2.0 * forest_margin});
}

std::string vertical(double x) {
  return path_step('M', {x, 0.0}) + "V" + pixels(forest_height);
}

std::string dot(double x, Verdict verdict) {
  const Spot middle{x, forest_height / 2.0};
  if (verdict == Verdict::not_shown) return svg_path("ring", marker_steps(Marker::circle, middle));
  const auto marker = verdict == Verdict::supported ? Marker::circle : Marker::diamond;
  return svg_path("dot", marker_steps(marker, middle));
}

const char* style_class(Verdict verdict) {
  return verdict == Verdict::supported      ? "supported"
         : verdict == Verdict::contradicted ? "contradicted"
                                            : "not-shown";
}

}  // namespace

std::vector<ForestGroup> forest_groups(std::span<const Finding> findings) {
  std::vector<ForestGroup> groups;
  for (const auto& finding : findings) {
    const auto same = [&](const ForestGroup& group) {
      const auto& other = group.findings.front()->endpoint;
      return other.unit == finding.endpoint.unit && other.scale == finding.endpoint.scale;
    };
    auto group = std::ranges::find_if(groups, same);
    if (group == groups.end()) group = groups.insert(group, ForestGroup{});
    group->findings.push_back(&finding);
  }
  for (auto& group : groups) group.scale = scale_of_group(group.findings);
  return groups;
}

std::string forest_row(const Finding& finding, const Scale& scale) {
  const auto axis = axis_of(finding.endpoint);
  const auto text = effect_text(finding);
  std::string grid;
  for (const auto& tick : scale.ticks)
    if (!tick.label.empty()) grid += vertical(place(scale, tick.at));
  const double none = none_of(finding.endpoint);
  const bool has_least = finding.endpoint.least > none && drawable(axis, finding.endpoint.least);
  const auto& effect = finding.effect;
  std::string bar;
  if (effect.low && effect.high && drawable(axis, *effect.low) && drawable(axis, *effect.high)) {
    const Spot low{place(scale, *effect.low), forest_height / 2.0};
    const Spot high{place(scale, *effect.high), forest_height / 2.0};
    bar = path_step('M', low) + path_step('L', high);
    for (const auto& end : {low, high}) bar += path_step('M', {end.x, end.y - 4.0}) + "v8";
  }
  return fmt::format(
      "<svg class=\"chart forest {}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{} "
      "{}\">{}{}{}{}{}</svg>",
      style_class(finding.verdict), forest_width, forest_height, escaped(text.mean), escaped(text.interval),
      svg_path("grid", grid), svg_path("axis", vertical(place(scale, none))),
      svg_path("level", has_least ? vertical(place(scale, finding.endpoint.least)) : ""),
      svg_path("bar", bar),
      drawable(axis, effect.mean) ? dot(place(scale, effect.mean), finding.verdict) : "");
}

std::string forest_axis(const Finding& finding, const Scale& scale) {
  const auto& endpoint = finding.endpoint;
  const bool ratio = endpoint.scale == Endpoint::Scale::ratio;
  std::string lines = path_step('M', {forest_margin, 31.5}) + "H" + pixels(forest_width - forest_margin);
  const auto name = endpoint.unit.empty() ? std::string{ratio ? "times" : "difference"} : endpoint.unit;
  auto labels = svg_text({forest_width / 2, 10.0}, "middle", name);
  for (const auto& tick : scale.ticks) {
    if (tick.label.empty()) continue;
    const double x = place(scale, tick.at);
    lines += path_step('M', {x, 31.5}) + "v-4";
    labels += svg_text({x, 24.0}, "middle", tick.label);
  }
  return fmt::format(R"(<svg class="chart forest scale" viewBox="0 0 {} 32" aria-hidden="true">{}{}</svg>)",
                     forest_width, svg_path("axis", lines), labels);
}

}  // namespace keel::tools
