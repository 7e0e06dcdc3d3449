#pragma once

#include <optional>
#include <span>

namespace keel::tools {

/// The mean of a sample and its standard deviation.
struct Summary {
  double mean;
  std::optional<double> sd;  ///< with n - 1; empty for a single value, or if a value is not finite
};

/// Describes `values`. Throws Error if there are none.
Summary summarize(std::span<const double> values);

/// The mean of a sample with its 95 % confidence interval, Student's t with n - 1 degrees of freedom (Student,
/// "The probable error of a mean", Biometrika 6, 1908), which takes the values for normal.
struct Interval {
  double mean;
  std::optional<double> low;  ///< both empty for a single value, or if a value is not finite
  std::optional<double> high;
};

/// Throws Error if there are no values.
Interval mean_interval(std::span<const double> values);

/// How much a second treatment differs from a first on the same units, for instance on the same random seeds.
struct PairedDifference {
  double mean;                ///< of second - first
  std::optional<double> low;  ///< 95 % confidence interval of the mean
  std::optional<double> high;
  std::optional<double> p;  ///< two-sided, of the hypothesis that the treatments do not differ
};

/// Compares `a[i]` with `b[i]` for each i, by the mean of b - a.
///
/// The interval is that of `mean_interval` over the differences. The p value is that of the sign-flip test
/// (Fisher, "The Design of Experiments", 1935, section 21), which does not take them for normal: the share of the 2^n ways to give the differences signs that make their sum at least as large as
/// the observed one, in absolute value; sums that differ by no more than rounding, or a billionth of the differences, count as equal. Up to 20
/// pairs all ways are counted. Beyond, 2^20 are drawn, the same in each call, and the observed one is added
/// (Phipson and Smyth, "Permutation p-values should never be zero", 2010). With n pairs, p is never less than
/// 2 / 2^n, so that five pairs can't show p < 0.05.
///
/// Interval and p value are empty for a single pair, or if a value is not finite. Throws Error if `a` and `b`
/// differ in length or are empty.
PairedDifference paired_difference(std::span<const double> a, std::span<const double> b);

}  // namespace keel::tools
