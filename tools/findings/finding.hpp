#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/findings/sample_interval.hpp"

namespace keel::tools {

/// What a claim is judged by, fixed before the runs. An effect is measured once a seed, such that a positive
/// one (or a ratio above 1) speaks for the claim.
struct Endpoint {
  enum class Scale : std::uint8_t { difference, ratio };

  std::string name;   ///< of the effect: "steps to 97 %, plain / batch norm"
  std::string claim;  ///< what a supported effect says, as a sentence
  std::string unit;   ///< "points", "decades", "times"
  Scale scale = Scale::difference;
  double least = 0.0;  ///< what the mean must reach for the claim to be supported
  /// Of what is measured: a grid's spacing, or how far one start of the program is from another (of a ratio as
  /// a factor). No interval is narrower.
  double resolution = 0.0;
};

/// The rule by which findings are judged, in words.
std::string rule_of(const Endpoint& endpoint);

enum class Verdict : std::uint8_t { supported, contradicted, ruled_out, not_shown };
/// "supported", "contradicted", "ruled out" or "not shown".
std::string_view name_of(Verdict verdict);

/// With fewer seeds no verdict is given: the sign-flip test's p can't be below 0.05.
inline constexpr std::size_t fewest_seeds_for_a_verdict = 6;

/// An effect's mean over the seeds (of a ratio the geometric one) with its 95 % interval and the sign-flip
/// test's p value. Interval and p are empty for a single seed or values that are not finite.
struct Effect {
  double mean = 0.0;  ///< where values are bounds, a bound itself: at least, or at most, so much
  std::optional<double> low;
  std::optional<double> high;
  std::optional<double> low_corrected;  ///< of the interval that the verdict rests on
  std::optional<double> high_corrected;
  std::optional<double> p_alone;  ///< as if this effect were the only one
  std::optional<double> p;        ///< corrected for the other findings of the study; of its primary, p_alone
  std::optional<double>
      p_holm;  ///< that the verdict rests on: of a primary, corrected for the command's others
};

/// A claim as judged.
struct Finding {
  Endpoint endpoint;
  Effect effect;
  Verdict verdict = Verdict::not_shown;
  std::string note;      ///< what else has to be known: runs that were censored, for one; may be empty
  std::string withheld;  ///< why there is no verdict though there might be: a numerical fault; mostly empty
  std::vector<Observation> values;  ///< the effect of each seed
};

/// Judges by `rule_of(endpoint)`, as if this were the only finding. Supported: the interval excludes zero (a
/// ratio: 1) on the claimed side, p is at most 0.05, and the mean reaches `least`. Contradicted: it excludes it
/// on the other side, and p is at most 0.05. Ruled out: the interval lies wholly below `least`, so that an
/// effect of the size named is excluded. Otherwise, and with fewer than six seeds, not shown. Throws Error when
/// there are no values.
Finding judge(const Endpoint& endpoint, std::span<const double> values, std::string note = "");
/// The same of values of which some are only bounds. Their p value takes bounds for values, and is there only
/// where that is the cautious side: of lower bounds, for effects above zero.
Finding judge(const Endpoint& endpoint, std::span<const Observation> values, std::string note = "");

/// Corrects a family of findings for each other, and judges them again. P values by Holm's step-down method (1979):
/// the k-th smallest of n times n - k + 1, at least the one before, at most 1; a finding without one counts in n.
/// Intervals by Bonferroni's, all of level 1 - 0.05 / n: the levels of Holm's steps are for the hypothesis of no
/// effect alone, and would deny effects of the size named too often. `primaries`: each is of a study of its own,
/// whose own p stays what it is.
void correct_by_holm(std::span<Finding*> findings, bool primaries = false);

/// Whether the mean of such values is a bound, and of what kind; exact if it is none.
Observation::Kind bound_of(std::span<const Observation> values);

}  // namespace keel::tools
