#include "keel/tools/findings/sample_interval.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "keel/runtime/error.hpp"
#include "keel/tools/findings/statistics.hpp"

namespace keel::tools {
namespace {

using Kind = Observation::Kind;

double upper_t(double degrees, double alpha) {
  return quantile(complement(boost::math::students_t{degrees}, alpha / 2.0));
}

double skewness_of(std::span<const double> values, double mean, double sd) {
  const auto n = static_cast<double>(values.size());
  if (n < 3.0) return 0.0;
  double cubes = 0.0;
  for (const double value : values) cubes += std::pow((value - mean) / sd, 3.0);
  return n / ((n - 1.0) * (n - 2.0)) * cubes;
}

// The root x of Hall's cubic for the quantile `t`.
double without_skewness(double t, double skewness, double n) {
  const double y = t / std::sqrt(n) - skewness / (6.0 * n);
  const double third = skewness / 3.0;
  return std::abs(third) < 1e-9 ? y : (std::cbrt(1.0 + 3.0 * third * y) - 1.0) / third;
}

MeanEstimate estimate_of_values(std::span<const double> values, double alpha) {
  const auto [mean, sd] = summarize(values);
  if (!sd) return {.mean = mean, .low = {}, .high = {}, .centre = mean};
  if (*sd == 0.0) return {.mean = mean, .low = mean, .high = mean, .centre = mean};
  const auto n = static_cast<double>(values.size());
  const double t = upper_t(n - 1.0, alpha);
  const double skewness = skewness_of(values, mean, *sd);
  return {.mean = mean,
          .low = mean - *sd * without_skewness(t, skewness, n),
          .high = mean - *sd * without_skewness(-t, skewness, n),
          .centre = mean};
}

// The logarithm of the normal distribution's part above `z`.
double log_above(double z) {
  if (z < 5.0) return std::log(0.5 * std::erfc(z / std::numbers::sqrt2));
  const double inverse = 1.0 / (z * z);  // erfc would soon be 0
  return -0.5 * z * z - std::log(z * std::sqrt(2.0 * std::numbers::pi)) +
         std::log1p(-inverse + 3.0 * inverse * inverse);
}

// Twice the logarithm of the likelihood of a normal sample with bounds, without its constant.
class CensoredLikelihood {
 public:
  explicit CensoredLikelihood(std::span<const Observation> sample, double scale)
      : sample_(sample), scale_(scale) {}

  // Under the standard deviation that suits `mean` best.
  [[nodiscard]] double profile(double mean) const {
    const auto negative = [&](double log_ratio) { return -of(mean, scale_ * std::exp(log_ratio)); };
    return -boost::math::tools::brent_find_minima(negative, -8.0, 8.0, 26).second;
  }

 private:
  [[nodiscard]] double of(double mean, double sd) const {
    double sum = 0.0;
    for (const auto& [value, kind] : sample_) {
      const double z = (value - mean) / sd;
      if (kind == Kind::exact) sum += -z * z - 2.0 * std::log(sd);
      if (kind == Kind::at_least) sum += 2.0 * log_above(z);
      if (kind == Kind::at_most) sum += 2.0 * log_above(-z);
    }
    return sum;
  }

  std::span<const Observation> sample_;
  double scale_;
};

// Where the profile falls below `cut`, from `from`, where it is above, in steps of `step`; none if it never does.
std::optional<double> fall_below(const CensoredLikelihood& likelihood, double cut, double from, double step) {
  double inside = from;
  double outside = from + step;
  for (int doublings = 0; likelihood.profile(outside) > cut; ++doublings) {
    if (doublings == 20) return std::nullopt;
    inside = outside;
    step *= 2.0;
    outside += step;
  }
  for (int halvings = 0; halvings < 50; ++halvings) {
    const double middle = 0.5 * (inside + outside);
    (likelihood.profile(middle) > cut ? inside : outside) = middle;
  }
  return 0.5 * (inside + outside);
}

MeanEstimate censored_estimate(std::span<const Observation> sample, double mean, double sd, double alpha) {
  const auto n = static_cast<double>(sample.size());
  const CensoredLikelihood likelihood{sample, sd};
  const auto negative = [&](double at) { return -likelihood.profile(at); };
  const auto [best, value] =
      boost::math::tools::brent_find_minima(negative, mean - 8.0 * sd, mean + 8.0 * sd, 26);
  const double t = upper_t(n - 1.0, alpha);
  const double cut = -value - n * std::log1p(t * t / (n - 1.0));
  return {.mean = mean,
          .low = fall_below(likelihood, cut, best, -sd),
          .high = fall_below(likelihood, cut, best, sd),
          .centre = best};
}

// By more than rounding.
bool differ(std::span<const double> values) {
  const auto [low, high] = std::ranges::minmax(values);
  return high - low > 1e-9 * std::max(std::abs(low), std::abs(high));
}

}  // namespace

MeanEstimate mean_estimate(std::span<const Observation> sample, double alpha) {
  std::vector<Observation> known;
  std::ranges::copy_if(sample, std::back_inserter(known),
                       [](const Observation& observation) { return observation.kind != Kind::unknown; });
  if (known.empty()) throw Error{"a mean is to be estimated from values of which none is known"};
  std::vector<double> values;
  for (const auto& observation : known) values.push_back(observation.value);
  const auto count = [&](Kind kind) { return std::ranges::count(known, kind, &Observation::kind); };
  std::vector<double> exact;
  for (const auto& observation : known)
    if (observation.kind == Kind::exact) exact.push_back(observation.value);
  auto of_values = estimate_of_values(values, alpha);
  if (exact.size() == known.size() || !of_values.low) return of_values;

  const auto summary = summarize(values);
  if (3 * exact.size() >= known.size() && exact.size() >= 3 && differ(exact))
    return censored_estimate(known, summary.mean, *summary.sd, alpha);
  if (count(Kind::at_most) > 0) of_values.low.reset();
  if (count(Kind::at_least) > 0) of_values.high.reset();
  return of_values;
}

}  // namespace keel::tools
