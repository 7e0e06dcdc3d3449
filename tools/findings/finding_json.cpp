#include "keel/tools/findings/finding_json.hpp"

#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

std::optional<double> optional_number(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional{number_of(json)};
}

}  // namespace

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
          {"scale", finding.endpoint.scale == Endpoint::Scale::ratio ? "ratio" : "difference"},
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
