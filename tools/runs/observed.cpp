#include "keel/tools/runs/observed.hpp"

namespace keel::tools {
namespace {

using Kind = Observation::Kind;

// Of what grows with the one value and falls with the other.
Kind combined_kind(Kind growing, Kind falling) {
  if (falling == Kind::at_least)
    falling = Kind::at_most;
  else if (falling == Kind::at_most)
    falling = Kind::at_least;
  if (growing == falling || falling == Kind::exact) return growing;
  return growing == Kind::exact ? falling : Kind::unknown;
}

}  // namespace

Observation difference(const Observation& a, const Observation& b) {
  return {a.value - b.value, combined_kind(a.kind, b.kind)};
}

Observation ratio(const Observation& a, const Observation& b) {
  return {a.value / b.value, combined_kind(a.kind, b.kind)};
}

ObservedBySeed observed(std::span<const RunResult> runs, const RunFilter& filter,
                        const std::function<Observation(const RunResult&)>& value) {
  ObservedBySeed result;
  for (const auto& run : runs)
    if (filter(run)) result[run.settings.seed] = value(run);
  return result;
}

std::vector<Observation> pairwise(
    const ObservedBySeed& a, const ObservedBySeed& b,
    const std::function<Observation(const Observation&, const Observation&)>& combine) {
  std::vector<Observation> result;
  for (const auto& [seed, value] : a)
    if (const auto other = b.find(seed); other != b.end()) result.push_back(combine(value, other->second));
  return result;
}

}  // namespace keel::tools
