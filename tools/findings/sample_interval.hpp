#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace keel::tools {

/// One value of a sample, or what is known of it.
struct Observation {
  enum class Kind : std::uint8_t {
    exact,
    at_least,  ///< the value is `value` or more: it was not waited for any longer
    at_most,   ///< the value is `value` or less
    unknown,   ///< nothing is known of it
  };

  double value = 0.0;
  Kind kind = Kind::exact;

  bool operator==(const Observation&) const = default;
};

/// What a sample says of the mean that it was drawn from.
struct MeanEstimate {
  double mean = 0.0;  ///< of the values, bounds taken for values: itself a bound where there are any
  std::optional<double>
      low;  ///< none where nothing can be said: for a single value, or one that is not finite
  std::optional<double> high;
  double centre = 0.0;  ///< what the interval lies around: the mean, with bounds the likeliest one
};

/// The interval that holds the mean in a share 1 - alpha of all samples.
///
/// Without bounds it is Student's t interval under the transformation by which Hall takes skewness out (P. Hall,
/// "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54, 1992): with t
/// the quantile and g the sample's skewness, from mean - s h(t) to mean - s h(-t), where h(t) is the root x of
/// x + g x^2 / 3 + g^2 x^3 / 27 + g / (6 n) = t / sqrt(n). For a symmetric sample that is Student's.
///
/// With bounds it is the profile likelihood's of a normal sample (values by their density, bounds by what lies
/// beyond them), cut where it is Student's when nothing is a bound, at n log(1 + t^2 / (n - 1)). Where fewer
/// than a third of the values are known, fewer than three, or these do not differ, so that the likelihood has no top, only the end that bounds can give is: of their own t interval.
///
/// Unknown values are left out. Throws Error if nothing is left.
MeanEstimate mean_estimate(std::span<const Observation> sample, double alpha);

}  // namespace keel::tools
