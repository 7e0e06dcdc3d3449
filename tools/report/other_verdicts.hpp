#pragma once

#include <optional>
#include <span>
#include <vector>

#include "keel/tools/findings/finding.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

class Study;

/// The verdicts on a finding if its rule, the correction or the runs' learning rate had been another: a
/// verdict that stands whatever is chosen is worth more.
struct OtherVerdicts {
  std::optional<Verdict>
      half;  ///< with half the size that the rule asks for (of a ratio its root); none if it
             ///< asks for none
  std::optional<Verdict> twice;
  std::optional<Verdict> uncorrected;  ///< as if there were no other finding
  std::optional<Verdict> bonferroni;
  std::optional<Verdict> tuned;  ///< with the runs at tuned rates alone; none where a study has not both
  std::optional<Verdict> common;
};

/// Those of findings that are corrected for each other, but for the last two. From the findings' own values
/// and p values; nothing for values that no estimate can be made of.
std::vector<OtherVerdicts> other_verdicts(std::span<const Finding> family, bool primaries);

/// What a study's first finding is at the rates that are `rate`, "tuned" or "common": such runs take the
/// places of those at the other rate that differ from them in nothing else. None where there are none to
/// replace.
std::optional<Finding> primary_at(const Study& study, std::span<const RunResult> runs, const char* rate);

/// The verdict on `own` in the place of the `index`-th of a family of primaries.
std::optional<Verdict> verdict_among(const Finding& own, std::span<const Finding> family, std::size_t index);

}  // namespace keel::tools
