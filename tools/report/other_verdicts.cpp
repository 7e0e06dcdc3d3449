#include "keel/tools/report/other_verdicts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/runs/study.hpp"

namespace keel::tools {
namespace {

constexpr auto rate_factor = "rate";

// What is read from a file may hold any number of findings and values, and must not keep the report waiting.
constexpr std::size_t most_findings = 200;
constexpr std::size_t most_values = 256;
constexpr std::size_t most_seeds_judged_again = 64;

bool can_be_judged(const Finding& finding) {
  const auto known = [](const Observation& value) {
    return value.kind != Observation::Kind::unknown && std::isfinite(value.value);
  };
  return !finding.values.empty() && finding.values.size() <= most_values &&
         std::ranges::any_of(finding.values, known);
}

// The verdicts of a family, each empty where it can't be given.
std::vector<std::optional<Verdict>> judged(std::vector<Finding> family, bool primaries) {
  std::vector<bool> able;
  std::vector<Finding*> all;
  for (auto& finding : family) {
    able.push_back(can_be_judged(finding));
    if (!able.back()) finding = {};  // it counts in the family all the same
    all.push_back(&finding);
  }
  correct_by_holm(all, primaries);
  std::vector<std::optional<Verdict>> verdicts;
  for (std::size_t i = 0; i < family.size(); ++i)
    verdicts.push_back(able[i] ? std::optional{family[i].verdict} : std::nullopt);
  return verdicts;
}

bool names_size(const Endpoint& endpoint) {
  return endpoint.least > (endpoint.scale == Endpoint::Scale::ratio ? 1.0 : 0.0);
}

// Of a ratio the logarithm is scaled: twice 1.2 times is 1.44 times.
std::vector<Finding> with_size_times(std::span<const Finding> family, double factor) {
  std::vector<Finding> changed{family.begin(), family.end()};
  for (auto& finding : changed) {
    const auto& endpoint = finding.endpoint;
    double& least = finding.endpoint.least;
    least = endpoint.scale == Endpoint::Scale::ratio ? std::pow(least, factor) : factor * least;
  }
  return changed;
}

// Bonferroni's correction is the first step of Holm's: that of the smallest of so many p values.
std::optional<Verdict> by_bonferroni(const Finding& finding, std::size_t count) {
  if (!can_be_judged(finding)) return std::nullopt;
  std::vector<Finding> family(count, Finding{.effect = {.p_alone = 1.0}});
  family.front() = finding;
  std::vector<Finding*> pointers;
  for (auto& each : family) pointers.push_back(&each);
  correct_by_holm(pointers);
  return family.front().verdict;
}

bool is_at(const RunResult& run, const char* rate) {
  const auto* factor = run.settings.factors.find(rate_factor);
  return factor != nullptr && *factor == rate;
}

// What a run is besides its rate: runs of one place differ in that alone.
std::string place_of(const RunResult& run) {
  auto text = fmt::format("{};{}", run.settings.model, run.settings.seed);
  for (const auto& [name, value] : run.settings.factors)
    if (name != rate_factor) text += fmt::format(";{}={}", name, text_of(value));
  return text;
}

}  // namespace

std::vector<OtherVerdicts> other_verdicts(std::span<const Finding> family, bool primaries) {
  if (family.size() > most_findings) return std::vector<OtherVerdicts>(family.size());
  const auto half = judged(with_size_times(family, 0.5), primaries);
  const auto twice = judged(with_size_times(family, 2.0), primaries);
  std::vector<OtherVerdicts> others;
  for (std::size_t i = 0; i < family.size(); ++i) {
    OtherVerdicts other{.uncorrected = judged({family[i]}, primaries).front(),
                        .bonferroni = by_bonferroni(family[i], family.size())};
    if (names_size(family[i].endpoint)) {
      other.half = half[i];
      other.twice = twice[i];
    }
    others.push_back(other);
  }
  return others;
}

std::optional<Finding> primary_at(const Study& study, std::span<const RunResult> runs, const char* rate) {
  const auto* const other_rate = std::string{rate} == "tuned" ? "common" : "tuned";
  std::set<std::string> has_own;
  for (const auto& run : runs)
    if (is_at(run, rate)) has_own.insert(place_of(run));
  std::vector<RunResult> chosen;
  bool replaces_any = false;
  for (const auto& run : runs) {
    const bool replaced = is_at(run, other_rate) && has_own.contains(place_of(run));
    replaces_any = replaces_any || replaced;
    if (!replaced) chosen.push_back(run);
    if (!is_at(run, rate)) continue;
    chosen.push_back(run);
    chosen.back().settings.factors.set(rate_factor, other_rate);
  }
  if (!replaces_any || seeds_of(chosen).size() > most_seeds_judged_again) return std::nullopt;
  try {
    auto findings = study.judge(chosen);
    if (findings.empty()) return std::nullopt;
    return std::move(findings.front());
  } catch (const std::exception&) {
    return std::nullopt;  // it can't be judged without the runs that were left out
  }
}

std::optional<Verdict> verdict_among(const Finding& own, std::span<const Finding> family, std::size_t index) {
  std::vector<Finding> all{family.begin(), family.end()};
  all[index] = own;
  all[index].withheld = family[index].withheld;
  return judged(std::move(all), true)[index];
}

}  // namespace keel::tools
