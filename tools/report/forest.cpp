#include "keel/tools/report/forest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/report/html_text.hpp"

namespace keel::tools {
namespace {

constexpr double width = 280.0;
constexpr double margin = 14.0;
constexpr double height = 34.0;

double none_of(const Endpoint& endpoint) {
  return endpoint.scale == Endpoint::Scale::ratio ? 1.0 : 0.0;
}

double place(const Scale& scale, double value) {
  return margin + std::clamp(scale.place(value), 0.0, 1.0) * (width - 2 * margin);
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
  return scale_of(axis, values, 38.0, false);
}

std::string vertical(double x, const char* kind) {
  return fmt::format(R"(<path class="{}" d="M{:.1f},0V{}"/>)", kind, x, height);
}

std::string dot(double x, Verdict verdict) {
  const double y = height / 2;
  switch (verdict) {
    case Verdict::supported:
      return fmt::format(R"(<circle class="dot" cx="{:.1f}" cy="{}" r="5"/>)", x, y);
    case Verdict::contradicted:
      return fmt::format(R"(<path class="dot" d="M{:.1f},{}l6,6l-6,6l-6,-6z"/>)", x, y - 6);
    case Verdict::not_shown:
      break;
  }
  return fmt::format(R"(<circle class="mark hollow" cx="{:.1f}" cy="{}" r="4.5"/>)", x, y);
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
  std::string svg =
      fmt::format(R"(<svg class="forest {}" viewBox="0 0 {} {}" role="img" aria-label="{} {}">)",
                  style_class(finding.verdict), width, height, escaped(text.mean), escaped(text.interval));
  for (const auto& tick : scale.ticks)
    if (!tick.label.empty()) svg += vertical(place(scale, tick.at), "tick");
  const double none = none_of(finding.endpoint);
  svg += vertical(place(scale, none), "none");
  if (finding.endpoint.least > none && drawable(axis, finding.endpoint.least))
    svg += vertical(place(scale, finding.endpoint.least), "least");
  const auto& effect = finding.effect;
  if (effect.low && effect.high && drawable(axis, *effect.low) && drawable(axis, *effect.high)) {
    const double low = place(scale, *effect.low);
    const double high = place(scale, *effect.high);
    const double y = height / 2;
    svg += fmt::format(R"(<path class="mark" d="M{0:.1f},{2}H{1:.1f}M{0:.1f},{3}v8M{1:.1f},{3}v8"/>)", low,
                       high, y, y - 4);
  }
  if (drawable(axis, effect.mean)) svg += dot(place(scale, effect.mean), finding.verdict);
  return svg + "</svg>";
}

std::string forest_axis(const Finding& finding, const Scale& scale) {
  std::string svg = fmt::format(
      "<svg class=\"forest scale\" viewBox=\"0 0 {} 32\" aria-hidden=\"true\"><path class=\"none\" "
      "d=\"M{},31.5H{}\"/>",
      width, margin, width - margin);
  for (const auto& tick : scale.ticks) {
    if (tick.label.empty()) continue;
    const double x = place(scale, tick.at);
    svg += fmt::format(R"(<path class="none" d="M{0:.1f},31.5v-4"/><text x="{0:.1f}" y="24">{1}</text>)", x,
                       escaped(tick.label));
  }
  const auto& endpoint = finding.endpoint;
  const bool ratio = endpoint.scale == Endpoint::Scale::ratio;
  const auto name = endpoint.unit.empty() ? std::string{ratio ? "times" : "difference"} : endpoint.unit;
  svg += fmt::format(R"(<text x="{}" y="10">{}</text>)", width / 2, escaped(name));
  return svg + "</svg>";
}

}  // namespace keel::tools
