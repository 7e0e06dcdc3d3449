#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
};

/// The rule by which `judge` judges, in words.
std::string rule_of(const Endpoint& endpoint);

enum class Verdict : std::uint8_t { supported, contradicted, not_shown };
/// "supported", "contradicted" or "not shown".
std::string_view name_of(Verdict verdict);

/// An effect's mean over the seeds (of a ratio the geometric one) with its 95 % t interval and the sign-flip
/// test's p value. Interval and p are empty for a single seed or values that are not finite.
struct Effect {
  double mean = 0.0;
  std::optional<double> low;
  std::optional<double> high;
  std::optional<double> p;        ///< corrected by `correct_by_holm`, where that was called
  std::optional<double> p_alone;  ///< as if this effect were the only one
};

/// A claim as judged.
struct Finding {
  Endpoint endpoint;
  Effect effect;
  Verdict verdict = Verdict::not_shown;
  std::string note;            ///< what else has to be known: runs that were censored, for one; may be empty
  std::vector<double> values;  ///< the effect of each seed
};

/// Judges by `rule_of(endpoint)`: supported when the interval excludes zero (a ratio: 1) on the claimed side
/// and the mean reaches `least`; contradicted when it excludes it on the other side; otherwise not shown, as
/// with one seed. Throws Error when there are no values.
Finding judge(const Endpoint& endpoint, std::span<const double> values, std::string note = "");

/// Replaces each p value by Holm's (1979): p of the k-th smallest of n times n - k + 1, at least the one
/// before, at most 1. Verdicts rest on the intervals and stay.
void correct_by_holm(std::span<Finding*> findings);

}  // namespace keel::tools
