#include "keel/tools/findings/finding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/runtime/error.hpp"
#include "keel/tools/findings/statistics.hpp"

namespace keel::tools {
namespace {

bool is_ratio(const Endpoint& endpoint) {
  return endpoint.scale == Endpoint::Scale::ratio;
}

Effect effect_of(const Endpoint& endpoint, std::span<const double> values) {
  const bool ratio = is_ratio(endpoint);
  std::vector<double> linear;
  for (const double value : values) linear.push_back(ratio ? std::log(value) : value);
  const auto difference = paired_difference(std::vector<double>(linear.size()), linear);
  const auto back = [&](double value) { return ratio ? std::exp(value) : value; };
  Effect effect{.mean = back(difference.mean), .p = difference.p, .p_alone = difference.p};
  if (difference.low) effect.low = back(*difference.low);
  if (difference.high) effect.high = back(*difference.high);
  return effect;
}

Verdict verdict_of(const Endpoint& endpoint, const Effect& effect) {
  const double none = is_ratio(endpoint) ? 1.0 : 0.0;
  if (!effect.low || !effect.high) return Verdict::not_shown;
  if (*effect.low > none && effect.mean >= endpoint.least) return Verdict::supported;
  if (*effect.high < none) return Verdict::contradicted;
  return Verdict::not_shown;
}

}  // namespace

std::string rule_of(const Endpoint& endpoint) {
  const char* none = is_ratio(endpoint) ? "1" : "0";
  const auto least =
      endpoint.least > (is_ratio(endpoint) ? 1.0 : 0.0)
          ? fmt::format(" and its mean is at least {:g}{}{}", endpoint.least,
                        endpoint.unit.empty() || endpoint.unit == "%" ? "" : " ", endpoint.unit)
          : "";
  return fmt::format(
      "supported when the 95 % interval of \"{}\" lies above {}{}; contradicted when it lies below {}; "
      "otherwise not shown",
      endpoint.name, none, least, none);
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::supported:
      return "supported";
    case Verdict::contradicted:
      return "contradicted";
    case Verdict::not_shown:
      break;
  }
  return "not shown";
}

Finding judge(const Endpoint& endpoint, std::span<const double> values, std::string note) {
  const auto effect = effect_of(endpoint, values);
  return {.endpoint = endpoint,
          .effect = effect,
          .verdict = verdict_of(endpoint, effect),
          .note = std::move(note),
          .values = {values.begin(), values.end()}};
}

void correct_by_holm(std::span<Finding*> findings) {
  std::vector<Finding*> sorted;
  for (auto* finding : findings)
    if (finding->effect.p_alone) sorted.push_back(finding);
  std::ranges::stable_sort(sorted, {}, [](const Finding* finding) { return *finding->effect.p_alone; });
  double least = 0.0;
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    auto& effect = sorted[k]->effect;
    least = std::max(least, std::min(1.0, *effect.p_alone * static_cast<double>(sorted.size() - k)));
    effect.p = least;
  }
}

}  // namespace keel::tools
