#include "keel/tools/report/forest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/svg.hpp"
#include "keel/tools/report/verdict_style.hpp"

namespace keel::tools {
namespace {

using Kind = Observation::Kind;

constexpr double forest_width = 256.0;
constexpr double forest_margin = 14.0;
constexpr double forest_height = 34.0;
constexpr double forest_middle = forest_height / 2.0;

double none_of(const Endpoint& endpoint) {
  return endpoint.scale == Endpoint::Scale::ratio ? 1.0 : 0.0;
}

double place(const Scale& scale, double value) {
  return forest_margin + std::clamp(scale.place(value), 0.0, 1.0) * (forest_width - 2 * forest_margin);
}

bool within(const Scale& scale, double value) {
  return value >= scale.low && value <= scale.high;
}

Axis axis_of(const Endpoint& endpoint) {
  return {.name = endpoint.unit, .logarithmic = endpoint.scale == Endpoint::Scale::ratio};
}

// Ends of intervals that are far off, as few seeds give them, must not press everything else flat: an
// interval is cut where the axis ends.
void add_ends(std::vector<double>& values, const Axis& axis, std::span<const double> ends) {
  const auto [low, high] = std::ranges::minmax(values);
  const double span = axis.logarithmic ? std::max(high / low, 1.01) : std::max(high - low, 1e-12);
  const double least = axis.logarithmic ? low / span : low - span;
  const double most = axis.logarithmic ? high * span : high + span;
  for (const double end : ends) values.push_back(std::clamp(end, least, most));
}

Scale scale_of_group(std::span<const Finding* const> findings) {
  const auto axis = axis_of(findings.front()->endpoint);
  std::vector<double> values;
  std::vector<double> ends;
  const auto add = [&](std::vector<double>& to, const std::optional<double>& value) {
    if (value && drawable(axis, *value)) to.push_back(*value);
  };
  for (const auto* finding : findings) {
    const auto& effect = finding->effect;
    add(values, none_of(finding->endpoint));
    if (finding->endpoint.least > none_of(finding->endpoint)) add(values, finding->endpoint.least);
    add(values, effect.mean);
    for (const auto& [value, kind] : finding->values)
      if (kind != Kind::unknown) add(values, value);
    for (const auto& end : {effect.low, effect.high, effect.low_corrected, effect.high_corrected})
      add(ends, end);
  }
  add_ends(values, axis, ends);
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

// Places one above the other where dots would hide each other, as near to the middle as there is room.
std::vector<Spot> swarm(std::vector<double> places) {
  constexpr double apart = 4.2;
  constexpr double touching = 4.0;
  constexpr std::size_t most = 300;  // more have no room beside each other, and would take long to place
  std::vector<Spot> spots;
  if (places.size() > most) {
    for (const double x : places) spots.push_back({x, forest_middle});
    return spots;
  }
  std::ranges::sort(places);
  for (const double x : places) {
    const auto clashes = [&](double y) {
      return std::ranges::any_of(spots, [&](const Spot& other) {
        const double dx = other.x - x;
        const double dy = other.y - y;
        return dx * dx + dy * dy < touching * touching;
      });
    };
    double y = forest_middle;
    for (int step = 1; step <= 6 && clashes(y); ++step) {
      const int away = (step + 1) / 2;
      y = forest_middle + (step % 2 == 0 ? -apart : apart) * away;
    }
    spots.push_back({x, clashes(y) ? forest_middle : y});
  }
  return spots;
}

// The effects of the seeds of one kind.
std::string seeds(const Finding& finding, const Scale& scale, Kind kind) {
  std::vector<double> places;
  for (const auto& observation : finding.values)
    if (observation.kind == kind && drawable(axis_of(finding.endpoint), observation.value))
      places.push_back(place(scale, observation.value));
  const auto* shape = kind == Kind::at_least  ? "m-1.6-2.6l4.4,2.6l-4.4,2.6"
                      : kind == Kind::at_most ? "m1.6-2.6l-4.4,2.6l4.4,2.6"
                                              : "m-2,0a2,2 0 1 1 4,0a2,2 0 1 1 -4,0z";
  std::string steps;
  for (const auto& spot : swarm(std::move(places))) steps += path_step('M', spot) + shape;
  return svg_path(kind == Kind::exact ? "seeds" : "bounds", steps);
}

// A line from one end to the other with strokes of so many pixels across them; what has no end on one side,
// while it has on the other, goes on to that side in an arrow.
std::string interval(const Finding& finding, const Scale& scale, const std::optional<double>& low,
                     const std::optional<double>& high, double stroke) {
  const auto axis = axis_of(finding.endpoint);
  const auto usable = [&](const std::optional<double>& end) { return !end || drawable(axis, *end); };
  if ((!low && !high) || !usable(low) || !usable(high)) return "";
  const double left = low ? place(scale, *low) : forest_margin / 2.0;
  const double right = high ? place(scale, *high) : forest_width - forest_margin / 2.0;
  auto steps = path_step('M', {left, forest_middle}) + "H" + pixels(right);
  const auto across = [&](double x) {
    return path_step('M', {x, forest_middle - stroke / 2.0}) + "v" + pixels(stroke);
  };
  if (low && within(scale, *low)) steps += across(left);
  if (high && within(scale, *high)) steps += across(right);
  if (!low) steps += path_step('M', {left + 5.0, forest_middle - 4.0}) + "l-5,4l5,4";
  if (!high) steps += path_step('M', {right - 5.0, forest_middle - 4.0}) + "l5,4l-5,4";
  return steps;
}

// A mean that is only a bound points to where the effect may lie.
std::string mean_mark(const Finding& finding, const Scale& scale) {
  if (!drawable(axis_of(finding.endpoint), finding.effect.mean)) return "";
  const Spot spot{place(scale, finding.effect.mean), forest_middle};
  const auto style = style_of(finding.verdict);
  const auto bound = bound_of(finding.values);
  const auto steps = bound == Kind::at_least  ? path_step('M', spot) + "m-4-5.2l9,5.2l-9,5.2z"
                     : bound == Kind::at_most ? path_step('M', spot) + "m4-5.2l-9,5.2l9,5.2z"
                                              : marker_steps(style.marker, spot);
  return svg_path(style.open ? "ring" : "dot", steps);
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

Scale aligned_scale(const Finding& finding) {
  constexpr double place_of_none = 0.3;
  const Finding* one = &finding;
  auto scale = scale_of_group({&one, 1});
  const double none = none_of(finding.endpoint);
  const auto distance = [&](double end) {
    return scale.logarithmic ? std::abs(std::log(end / none)) : std::abs(end - none);
  };
  const double unit =
      std::max(distance(scale.low) / place_of_none, distance(scale.high) / (1.0 - place_of_none));
  scale.low = scale.logarithmic ? none * std::exp(-place_of_none * unit) : none - place_of_none * unit;
  scale.high =
      scale.logarithmic ? none * std::exp((1.0 - place_of_none) * unit) : none + (1.0 - place_of_none) * unit;
  scale.ticks.clear();
  return scale;
}

std::string forest_row(const Finding& finding, const Scale& scale) {
  const auto& effect = finding.effect;
  const auto text = effect_text(finding);
  std::string grid;
  for (const auto& tick : scale.ticks)
    if (!tick.label.empty()) grid += vertical(place(scale, tick.at));
  const double none = none_of(finding.endpoint);
  const bool has_least =
      finding.endpoint.least > none && drawable(axis_of(finding.endpoint), finding.endpoint.least);
  auto elements = svg_path("grid", grid) + svg_path("axis", vertical(place(scale, none))) +
                  svg_path("level", has_least ? vertical(place(scale, finding.endpoint.least)) : "");
  elements +=
      svg_path("whisker", interval(finding, scale, effect.low_corrected, effect.high_corrected, 11.0));
  for (const auto kind : {Kind::exact, Kind::at_least, Kind::at_most})
    elements += seeds(finding, scale, kind);
  elements += svg_path("bar", interval(finding, scale, effect.low, effect.high, 8.0));
  return fmt::format(
      R"(<svg class="chart forest {}" viewBox="0 0 {} {}" role="img" aria-label="{} {}">{}{}</svg>)",
      style_of(finding.verdict).name, forest_width, forest_height, shown(text.mean), shown(text.interval),
      elements, mean_mark(finding, scale));
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

std::string forest_key() {
  return "Dots: each seed's effect (an arrow: only a bound of it). Thick line: the 95 % interval of their mean. Thin "
         "line: the interval that the verdict rests on, corrected for the other findings. Upright line: no effect. "
         "Dashed: the size that the rule asks for.";
}

}  // namespace keel::tools
