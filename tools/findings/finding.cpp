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

std::optional<double> optional_number(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional{json.get<double>()};
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

Json effect_json(const Finding& finding) {
  return {{"name", finding.endpoint.name},
          {"unit", finding.endpoint.unit},
          {"mean", number(finding.effect.mean)},
          {"low", number(finding.effect.low)},
          {"high", number(finding.effect.high)},
          {"p", number(finding.effect.p)},
          {"p_alone", number(finding.effect.p_alone)}};
}

Json to_json(const Finding& finding) {
  Json values = Json::array();
  for (const double value : finding.values) values.push_back(number(value));
  return {{"claim", finding.endpoint.claim},
          {"rule", rule_of(finding.endpoint)},
          {"scale", is_ratio(finding.endpoint) ? "ratio" : "difference"},
          {"least", finding.endpoint.least},
          {"verdict", name_of(finding.verdict)},
          {"effect", effect_json(finding)},
          {"note", finding.note},
          {"values", std::move(values)}};
}

Finding finding_of(const Json& json) {
  const auto& effect = json.at("effect");
  Finding finding;
  finding.endpoint = {
      .name = effect.at("name").get<std::string>(),
      .claim = json.at("claim").get<std::string>(),
      .unit = effect.at("unit").get<std::string>(),
      .scale = json.at("scale") == "ratio" ? Endpoint::Scale::ratio : Endpoint::Scale::difference,
      .least = json.at("least").get<double>()};
  finding.effect = {.mean = number_of(effect.at("mean")),
                    .low = optional_number(effect.at("low")),
                    .high = optional_number(effect.at("high")),
                    .p = optional_number(effect.at("p")),
                    .p_alone = optional_number(effect.at("p_alone"))};
  const auto verdict = json.at("verdict").get<std::string>();
  for (const auto known : {Verdict::supported, Verdict::contradicted})
    if (verdict == name_of(known)) finding.verdict = known;
  finding.note = json.at("note").get<std::string>();
  for (const auto& value : json.at("values")) finding.values.push_back(number_of(value));
  return finding;
}

}  // namespace keel::tools
