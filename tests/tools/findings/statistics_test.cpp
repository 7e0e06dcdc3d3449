#include "keel/tools/findings/statistics.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/runtime/error.hpp"

namespace {

using keel::tools::paired_difference;
using keel::tools::summarize;

// The exact sign-flip p value of whole numbers, from the distribution of their signed sum.
double exact_p(const std::vector<int>& differences) {
  std::map<int, double> share{{0, 1.0}};
  int observed = 0;
  for (const int d : differences) {
    std::map<int, double> next;
    for (const auto& [sum, weight] : share) {
      next[sum + d] += weight / 2;
      next[sum - d] += weight / 2;
    }
    share = std::move(next);
    observed += d;
  }
  double p = 0;
  for (const auto& [sum, weight] : share) p += std::abs(sum) >= std::abs(observed) ? weight : 0;
  return p;
}

const std::vector<double> zeros(200, 0.0);

auto from_zero(const std::vector<double>& differences) {
  return paired_difference(std::span{zeros}.first(differences.size()), differences);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(statistics_test)

BOOST_AUTO_TEST_CASE(a_summary_has_the_mean_and_the_standard_deviation) {
  const auto summary = summarize(std::array{2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0});
  BOOST_TEST(summary.mean == 5.0);
  BOOST_TEST(summary.sd.value() == std::sqrt(32.0 / 7.0));
}

BOOST_AUTO_TEST_CASE(equal_values_have_no_spread) {
  BOOST_TEST(summarize(std::array{3.0, 3.0}).sd.value() == 0.0);
}

BOOST_AUTO_TEST_CASE(a_single_value_has_no_standard_deviation) {
  const auto summary = summarize(std::array{0.25});
  BOOST_TEST(summary.mean == 0.25);
  BOOST_TEST(!summary.sd.has_value());
}

BOOST_AUTO_TEST_CASE(no_values_have_no_summary) {
  BOOST_CHECK_THROW(summarize({}), keel::Error);
}

// Student 1908: hours of sleep that two drugs gave ten patients. The interval is the one that R's
// documentation of the data set `sleep` arrives at. Nine differences are positive and one is zero, so 4 of
// 1024 patterns are as extreme.
BOOST_AUTO_TEST_CASE(the_sleep_data_give_the_published_interval, *boost::unit_test::tolerance(1e-7)) {
  const std::array first{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
  const std::array second{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};
  const auto difference = paired_difference(first, second);
  BOOST_TEST(difference.mean == 1.58);
  BOOST_TEST(difference.low.value() == 0.7001142, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(difference.high.value() == 2.4598858, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(difference.p.value() == 4.0 / 1024);
}

// Fisher 1935, section 21: Darwin's pairs of maize plants, crossed minus self-fertilized, in eighths of an
// inch.
BOOST_AUTO_TEST_CASE(darwins_maize_gives_fishers_count_of_patterns, *boost::unit_test::tolerance(1e-12)) {
  const std::vector<double> differences{49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};
  const auto difference = from_zero(differences);
  BOOST_TEST(difference.mean == 314.0 / 15);
  BOOST_TEST(difference.p.value() == 1726.0 / 32768);
  BOOST_TEST(std::pow(summarize(differences).sd.value(), 2) == 1424.6, boost::test_tools::tolerance(1e-4));
}

// Accuracies are multiples of 1/10000, so signed sums tie often, and rounding must not break the ties.
BOOST_AUTO_TEST_CASE(ties_survive_rounding) {
  const std::vector<int> steps{3, 1, -2, 5, 1, 1, -4, 2, 3, 1, 2};
  std::vector<double> a;
  std::vector<double> b;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const int correct = 9700 + 7 * static_cast<int>(i);
    a.push_back(correct / 10000.0);
    b.push_back((correct + steps[i]) / 10000.0);
  }
  BOOST_TEST(paired_difference(a, b).p.value() == exact_p(steps));
  BOOST_TEST(paired_difference(b, a).p.value() == exact_p(steps));
}

BOOST_AUTO_TEST_CASE(swapping_the_treatments_mirrors_the_interval) {
  const std::array a{1.0, 2.5, 3.0, 4.5};
  const std::array b{2.0, 2.0, 5.0, 7.0};
  const auto forward = paired_difference(a, b);
  const auto backward = paired_difference(b, a);
  BOOST_TEST(forward.mean == -backward.mean);
  BOOST_TEST(forward.low.value() == -backward.high.value());
  BOOST_TEST(forward.high.value() == -backward.low.value());
  BOOST_TEST(forward.p.value() == backward.p.value());
}

BOOST_AUTO_TEST_CASE(treatments_without_a_difference_have_p_one) {
  const auto difference = from_zero({0, 0, 0});
  BOOST_TEST(difference.low.value() == 0.0);
  BOOST_TEST(difference.high.value() == 0.0);
  BOOST_TEST(difference.p.value() == 1.0);
}

BOOST_AUTO_TEST_CASE(the_least_p_is_that_of_two_patterns) {
  BOOST_TEST(from_zero({1, 2}).p.value() == 0.5);
  BOOST_TEST(from_zero({-1, -2, -1, -3, -1}).p.value() == 2.0 / 32);
  BOOST_TEST(from_zero(std::vector<double>(20, 1.0)).p.value() == std::ldexp(1.0, -19));
}

// Four standard errors of a share of 2^20 draws.
BOOST_AUTO_TEST_CASE(many_pairs_give_a_sampled_p_value) {
  for (const int n : {21, 64, 65}) {
    std::vector<int> steps;
    for (int i = 0; i < n; ++i) steps.push_back((i * 7) % 11 - 4);
    const auto difference = from_zero({steps.begin(), steps.end()});
    const double expected = exact_p(steps);
    const double error = std::sqrt(expected * (1 - expected)) / 1024;
    BOOST_TEST(std::abs(difference.p.value() - expected) < 4 * error,
               n << " pairs: " << *difference.p << " for " << expected);
    BOOST_TEST(difference.p.value() == from_zero({steps.begin(), steps.end()}).p.value());
  }
}

BOOST_AUTO_TEST_CASE(a_sampled_p_value_is_never_zero) {
  BOOST_TEST(from_zero(std::vector<double>(60, 1.0)).p.value() == 1.0 / 1048577);
}

BOOST_AUTO_TEST_CASE(a_single_pair_has_a_mean_alone) {
  const auto difference = from_zero({0.5});
  BOOST_TEST(difference.mean == 0.5);
  BOOST_TEST(!difference.low.has_value());
  BOOST_TEST(!difference.high.has_value());
  BOOST_TEST(!difference.p.has_value());
}

BOOST_AUTO_TEST_CASE(a_value_that_is_not_finite_leaves_nothing_to_infer) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const auto difference = from_zero({1, bad, 2});
    BOOST_TEST(!std::isfinite(difference.mean));
    BOOST_TEST(!difference.low.has_value());
    BOOST_TEST(!difference.high.has_value());
    BOOST_TEST(!difference.p.has_value());
    BOOST_TEST(!summarize(std::array{1.0, bad}).sd.has_value());
  }
}

BOOST_AUTO_TEST_CASE(pairs_need_as_many_values_on_either_side) {
  BOOST_CHECK_EXCEPTION(
      paired_difference(std::array{1.0, 2.0}, std::array{1.0}), keel::Error,
      [](const auto& error) { return std::string_view{error.what()} == "2 and 1 values don't make pairs"; });
  BOOST_CHECK_THROW(paired_difference({}, {}), keel::Error);
}

BOOST_AUTO_TEST_SUITE_END()
