#include "keel/tools/findings/effect_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

std::string signed_text(double value, int decimals, bool has_sign) {
  const auto text = fixed_text(value, decimals);
  const bool is_zero = text.find_first_of("123456789") == std::string::npos;
  return has_sign && value > 0.0 && !is_zero ? "+" + text : text;
}

// "0.8 %", "3 times": a unit is set apart, and stays with its number.
std::string with_unit(std::string number, std::string_view unit) {
  return unit.empty() ? number : fmt::format("{}\u00A0{}", number, unit);
}

}  // namespace

EffectText effect_text(const Effect& effect, std::string_view unit, bool has_sign) {
  if (!effect.low && !effect.high) {
    return {with_unit(signed_text(effect.mean, decimals_for_three_digits(effect.mean), has_sign), unit), ""};
  }
  // What one end lacks, the other one's distance stands for.
  const double half_width = effect.low && effect.high ? (*effect.high - *effect.low) / 2.0
                            : effect.low              ? effect.mean - *effect.low
                                                      : *effect.high - effect.mean;
  int decimals = half_width > 0.0 ? decimals_for(half_width) : decimals_for_three_digits(effect.mean);
  const double none = has_sign ? 0.0 : 1.0;
  const auto hidden = [&](const std::optional<double>& end) {
    return end && *end != none && std::abs(*end - none) < 0.5 * std::pow(10.0, -decimals);
  };
  for (int more = 0; more < 2 && (hidden(effect.low) || hidden(effect.high)); ++more) ++decimals;
  const auto end = [&](const std::optional<double>& value) {
    return value ? signed_text(*value, decimals, has_sign) : std::string{"\u2026"};
  };
  return {with_unit(signed_text(effect.mean, decimals, has_sign), unit),
          fmt::format("[{}, {}]", end(effect.low), end(effect.high))};
}

EffectText effect_text(const Finding& finding) {
  const auto is_unknown = [](const Observation& value) { return value.kind == Observation::Kind::unknown; };
  if (!finding.values.empty() && std::ranges::all_of(finding.values, is_unknown)) return {"not known", ""};
  auto text = effect_text(finding.effect, finding.endpoint.unit,
                          finding.endpoint.scale == Endpoint::Scale::difference);
  const auto bound = bound_of(finding.values);
  if (bound == Observation::Kind::at_least) text.mean = "at least " + text.mean;
  if (bound == Observation::Kind::at_most) text.mean = "at most " + text.mean;
  return text;
}

}  // namespace keel::tools
