#include "keel/tools/findings/finding_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "keel/runtime/error.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

std::optional<double> optional_number(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional{number_of(json)};
}

constexpr std::array kinds{
    std::pair{Observation::Kind::exact, "exact"}, std::pair{Observation::Kind::at_least, "at least"},
    std::pair{Observation::Kind::at_most, "at most"}, std::pair{Observation::Kind::unknown, "unknown"}};

const char* name_of(Observation::Kind kind) {
  return std::ranges::find(kinds, kind, &decltype(kinds)::value_type::first)->second;
}

Observation::Kind kind_of(const std::string& name) {
  for (const auto& [kind, known] : kinds)
    if (name == known) return kind;
  throw Error{fmt::format("a value is no '{}'", name)};
}

}  // namespace

Json effect_json(const Finding& finding) {
  return {{"name", finding.endpoint.name},
          {"unit", finding.endpoint.unit},
          {"mean", number(finding.effect.mean)},
          {"low", number(finding.effect.low)},
          {"high", number(finding.effect.high)},
          {"p", number(finding.effect.p)},
          {"p_alone", number(finding.effect.p_alone)},
          {"low_corrected", number(finding.effect.low_corrected)},
          {"high_corrected", number(finding.effect.high_corrected)},
          {"p_holm", number(finding.effect.p_holm)}};
}

Json to_json(const Finding& finding) {
  Json values = Json::array();
  Json bounds = Json::array();
  for (const auto& [value, kind] : finding.values) {
    values.push_back(number(value));
    bounds.push_back(name_of(kind));
  }
  return {{"claim", finding.endpoint.claim},
          {"rule", rule_of(finding.endpoint)},
          {"scale", finding.endpoint.scale == Endpoint::Scale::ratio ? "ratio" : "difference"},
          {"least", finding.endpoint.least},
          {"resolution", finding.endpoint.resolution},
          {"verdict", name_of(finding.verdict)},
          {"effect", effect_json(finding)},
          {"note", finding.note},
          {"withheld", finding.withheld},
          {"values", std::move(values)},
          {"bounds", std::move(bounds)}};
}

Finding finding_of(const Json& json) {
  const auto& effect = json.at("effect");
  Finding finding;
  finding.endpoint = {
      .name = effect.at("name").get<std::string>(),
      .claim = json.at("claim").get<std::string>(),
      .unit = effect.at("unit").get<std::string>(),
      .scale = json.at("scale") == "ratio" ? Endpoint::Scale::ratio : Endpoint::Scale::difference,
      .least = json.at("least").get<double>(),
      .resolution = json.at("resolution").get<double>()};
  finding.effect = {.mean = number_of(effect.at("mean")),
                    .low = optional_number(effect.at("low")),
                    .high = optional_number(effect.at("high")),
                    .low_corrected = optional_number(effect.at("low_corrected")),
                    .high_corrected = optional_number(effect.at("high_corrected")),
                    .p_alone = optional_number(effect.at("p_alone")),
                    .p = optional_number(effect.at("p")),
                    .p_holm = optional_number(effect.at("p_holm"))};
  const auto verdict = json.at("verdict").get<std::string>();
  for (const auto known : {Verdict::supported, Verdict::contradicted, Verdict::ruled_out})
    if (verdict == name_of(known)) finding.verdict = known;
  finding.note = json.at("note").get<std::string>();
  finding.withheld = json.at("withheld").get<std::string>();
  const auto& values = json.at("values");
  const auto& bounds = json.at("bounds");
  if (values.size() != bounds.size()) throw Error{"a finding has other counts of values and of bounds"};
  for (std::size_t i = 0; i < values.size(); ++i)
    finding.values.push_back({number_of(values.at(i)), kind_of(bounds.at(i).get<std::string>())});
  return finding;
}

}  // namespace keel::tools
