#include "keel/tools/findings/finding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "keel/runtime/error.hpp"
#include "keel/tools/findings/statistics.hpp"

namespace keel::tools {
namespace {

using Kind = Observation::Kind;

constexpr double false_verdicts = 0.05;

bool is_ratio(const Endpoint& endpoint) {
  return endpoint.scale == Endpoint::Scale::ratio;
}

// Effects are differences from here on: of logarithms, where they are ratios.
std::vector<Observation> linear(const Endpoint& endpoint, std::span<const Observation> values) {
  std::vector<Observation> result{values.begin(), values.end()};
  if (is_ratio(endpoint))
    for (auto& observation : result) observation.value = std::log(observation.value);
  return result;
}

MeanEstimate estimate_of(const Endpoint& endpoint, std::span<const Observation> values, double alpha) {
  auto estimate = mean_estimate(linear(endpoint, values), alpha);
  const bool ratio = is_ratio(endpoint);
  const double half =
      endpoint.resolution > 0.0 ? 0.5 * (ratio ? std::log(endpoint.resolution) : endpoint.resolution) : 0.0;
  if (estimate.low) estimate.low = std::min(*estimate.low, estimate.centre - half);
  if (estimate.high) estimate.high = std::max(*estimate.high, estimate.centre + half);
  if (!ratio) return estimate;
  estimate.mean = std::exp(estimate.mean);
  if (estimate.low) estimate.low = std::exp(*estimate.low);
  if (estimate.high) estimate.high = std::exp(*estimate.high);
  return estimate;
}

std::size_t count_known(std::span<const Observation> values) {
  return values.size() -
         static_cast<std::size_t>(std::ranges::count(values, Kind::unknown, &Observation::kind));
}

// Bounds are taken for values. That overstates p where they bound the effect away from zero; elsewhere there is none.
std::optional<double> p_of(const Endpoint& endpoint, std::span<const Observation> values) {
  std::vector<double> numbers;
  double sum = 0.0;
  bool any_least = false;
  bool any_most = false;
  for (const auto& [value, kind] : linear(endpoint, values)) {
    numbers.push_back(kind == Kind::unknown ? 0.0 : value);
    sum += numbers.back();
    any_least = any_least || kind == Kind::at_least;
    any_most = any_most || kind == Kind::at_most;
  }
  if ((any_least && sum < 0.0) || (any_most && sum > 0.0)) return std::nullopt;
  return paired_difference(std::vector<double>(numbers.size()), numbers).p;
}

Verdict verdict_of(const Finding& finding) {
  const auto& [endpoint, effect] = std::tie(finding.endpoint, finding.effect);
  const double none = is_ratio(endpoint) ? 1.0 : 0.0;
  if (!finding.withheld.empty() || count_known(finding.values) < fewest_seeds_for_a_verdict)
    return Verdict::not_shown;
  const bool is_significant = effect.p_holm && *effect.p_holm <= false_verdicts;
  const auto& low = effect.low_corrected;
  const auto& high = effect.high_corrected;
  const double rounding = 1e-9 * std::abs(endpoint.least);
  const bool is_large = effect.mean >= endpoint.least - rounding;
  if (is_significant && low && *low > none && is_large) return Verdict::supported;
  if (is_significant && high && *high < none) return Verdict::contradicted;
  if (high && endpoint.least > none && *high < endpoint.least - rounding) return Verdict::ruled_out;
  return Verdict::not_shown;
}

// Judges at `alpha`, its share of all false verdicts of its family.
void judge_at(Finding& finding, double alpha) {
  if (count_known(finding.values) == 0) return;
  const auto corrected = estimate_of(finding.endpoint, finding.values, alpha);
  finding.effect.low_corrected = corrected.low;
  finding.effect.high_corrected = corrected.high;
  finding.verdict = verdict_of(finding);
}

}  // namespace

std::string rule_of(const Endpoint& endpoint) {
  const char* none = is_ratio(endpoint) ? "1" : "0";
  const bool is_sized = endpoint.least > (is_ratio(endpoint) ? 1.0 : 0.0);
  const auto size = fmt::format("{:g}{}{}", endpoint.least,
                                endpoint.unit.empty() || endpoint.unit == "%" ? "" : " ", endpoint.unit);
  return fmt::format(
      "supported when the 95 % interval of \"{}\", corrected for the other findings, lies above {}, p is at "
      "most 0.05{}; contradicted when it lies below {} and p is at most 0.05; {}otherwise, and with fewer than "
      "six seeds, not shown",
      endpoint.name, none, is_sized ? fmt::format(" and the mean is at least {}", size) : "", none,
      is_sized ? fmt::format("ruled out when it lies wholly below {}; ", size) : "");
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::supported:
      return "supported";
    case Verdict::contradicted:
      return "contradicted";
    case Verdict::ruled_out:
      return "ruled out";
    case Verdict::not_shown:
      break;
  }
  return "not shown";
}

Finding judge(const Endpoint& endpoint, std::span<const Observation> values, std::string note) {
  if (values.empty()) throw Error{fmt::format("\"{}\" is to be judged, and no seed has it", endpoint.name)};
  Finding finding{.endpoint = endpoint, .note = std::move(note), .values = {values.begin(), values.end()}};
  if (count_known(values) == 0) {
    finding.effect.mean = is_ratio(endpoint) ? 1.0 : 0.0;
    return finding;
  }
  const auto estimate = estimate_of(endpoint, values, false_verdicts);
  const auto p = p_of(endpoint, values);
  finding.effect = {
      .mean = estimate.mean, .low = estimate.low, .high = estimate.high, .p_alone = p, .p = p, .p_holm = p};
  judge_at(finding, false_verdicts);
  return finding;
}

Finding judge(const Endpoint& endpoint, std::span<const double> values, std::string note) {
  std::vector<Observation> exact;
  for (const double value : values) exact.push_back({value});
  return judge(endpoint, std::span<const Observation>{exact}, std::move(note));
}

void correct_by_holm(std::span<Finding*> findings, bool primaries) {
  std::vector<Finding*> sorted;
  for (auto* finding : findings)
    if (finding->effect.p_alone) sorted.push_back(finding);
  std::ranges::stable_sort(sorted, {}, [](const Finding* finding) { return *finding->effect.p_alone; });
  double least = 0.0;
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    auto& effect = sorted[k]->effect;
    least = std::max(least, std::min(1.0, *effect.p_alone * static_cast<double>(findings.size() - k)));
    effect.p_holm = least;
    effect.p = primaries ? effect.p_alone : effect.p_holm;
  }
  for (auto* finding : findings) judge_at(*finding, false_verdicts / static_cast<double>(findings.size()));
}

Observation::Kind bound_of(std::span<const Observation> values) {
  const auto has = [&](Kind kind) {
    return std::ranges::find(values, kind, &Observation::kind) != values.end();
  };
  if (has(Kind::at_least)) return has(Kind::at_most) ? Kind::unknown : Kind::at_least;
  return has(Kind::at_most) ? Kind::at_most : Kind::exact;
}

}  // namespace keel::tools
