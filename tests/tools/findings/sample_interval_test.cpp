// How often intervals hold the truth that samples were drawn from.

#include "keel/tools/findings/sample_interval.hpp"

#include <boost/math/distributions/normal.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <vector>

#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
using Kind = Observation::Kind;
using Draw = std::function<double(Rng& rng)>;

struct Coverage {
  double both = 0.0;
  double below = 0.0;  // whose lower end is above the truth
};

// Of values beyond `bound` only that is known.
Coverage coverage(const Draw& draw, double truth, std::size_t seeds, double alpha, int samples,
                  double bound = INFINITY) {
  Rng rng = Rng{1}.stream("samples");
  Coverage result;
  std::vector<Observation> sample(seeds);
  for (int i = 0; i < samples; ++i) {
    for (auto& observation : sample) {
      const double value = draw(rng);
      observation = value > bound ? Observation{bound, Kind::at_least} : Observation{value};
    }
    const auto estimate = mean_estimate(sample, alpha);
    const bool low = !estimate.low || *estimate.low <= truth;
    const bool high = !estimate.high || truth <= *estimate.high;
    result.both += low && high ? 1.0 / samples : 0.0;
    result.below += low ? 0.0 : 1.0 / samples;
  }
  return result;
}

double normal(Rng& rng) {
  return rng.normal();
}

Draw log_normal(double sd) {
  return [sd](Rng& rng) { return std::exp(sd * rng.normal()); };
}

BOOST_AUTO_TEST_SUITE(sample_interval)

BOOST_AUTO_TEST_CASE(a_symmetric_sample_has_students_interval) {
  const std::vector<Observation> sample{{1.0}, {2.0}, {3.0}};
  const auto estimate = mean_estimate(sample, 0.05);
  BOOST_TEST(estimate.mean == 2.0);
  BOOST_TEST(estimate.high.value() == 2.0 + 4.302653 / std::sqrt(3.0), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(estimate.low.value() == 2.0 - 4.302653 / std::sqrt(3.0), boost::test_tools::tolerance(1e-6));
}

// Hall's cubic, solved for its ends by hand: g(x) = x + g x^2 / 3 + g^2 x^3 / 27 + g / (6 n) is t / sqrt(n) there.
BOOST_AUTO_TEST_CASE(a_skewed_sample_has_halls_interval) {
  const std::vector<Observation> sample{{0.0}, {0.1}, {0.3}, {0.2}, {2.0}};
  const auto estimate = mean_estimate(sample, 0.05);
  const double mean = 0.52;
  const double sd = 0.83486525;
  const double skewness = 2.1364747;
  const auto cubic = [&](double x) {
    return x + skewness * x * x / 3.0 + skewness * skewness * x * x * x / 27.0 + skewness / 30.0;
  };
  const double t = 2.776445 / std::sqrt(5.0);
  BOOST_TEST(estimate.mean == mean, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(cubic((mean - estimate.low.value()) / sd) == t, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(cubic((mean - estimate.high.value()) / sd) == -t, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(*estimate.high - mean > mean - *estimate.low);  // the longer tail's side
}

BOOST_AUTO_TEST_CASE(nineteen_of_twenty_intervals_hold_the_truth) {
  struct Case {
    const char* name;
    Draw draw;
    double truth;
  };
  // Of skewness 0, 0.8, 1.3 and 2.
  const std::vector<Case> cases{
      {"normal", normal, 0.0},
      {"log-normal 0.25", log_normal(0.25), std::exp(0.03125)},
      {"log-normal 0.4", log_normal(0.4), std::exp(0.08)},
      {"exponential", [](Rng& rng) { return -std::log1p(-rng.uniform(0.0, 1.0)); }, 1.0}};
  for (const auto& [name, draw, truth] : cases) {
    const auto found = coverage(draw, truth, 12, 0.05, 20000);
    BOOST_TEST_MESSAGE(name << ": " << found.both << " hold it, " << found.below << " lie above it");
    BOOST_TEST(found.both > 0.94, name << " " << found.both);
    BOOST_TEST(found.both < 0.96, name << " " << found.both);
  }
}

BOOST_AUTO_TEST_CASE(intervals_of_samples_with_bounds_hold_the_truth_as_often) {
  for (const double share : {0.1, 0.2, 0.3, 0.4}) {
    const double bound = quantile(complement(boost::math::normal{}, share));
    const auto found = coverage(normal, 0.0, 12, 0.05, 10000, bound);
    BOOST_TEST_MESSAGE(share << " bounds: " << found.both << " hold it, " << found.below << " lie above it");
    BOOST_TEST(found.both > 0.94, share << " " << found.both);
    if (share < 0.4) BOOST_TEST(found.both < 0.96, share << " " << found.both);  // beyond, it is cautious
  }
}

BOOST_AUTO_TEST_CASE(where_few_values_are_known_one_end_is_open) {
  const auto most_bounds = mean_estimate(
      std::vector<Observation>{{1.0}, {2.0, Kind::at_least}, {2.0, Kind::at_least}, {2.0, Kind::at_least}},
      0.05);
  BOOST_TEST(most_bounds.low.has_value());
  BOOST_TEST(!most_bounds.high);
  const auto both_ways = mean_estimate(
      std::vector<Observation>{{1.0}, {2.0, Kind::at_least}, {0.0, Kind::at_most}, {2.0, Kind::at_least}},
      0.05);
  BOOST_TEST(!both_ways.low);
  BOOST_TEST(!both_ways.high);
  const auto upper = mean_estimate(std::vector(6, Observation{1.0, Kind::at_most}), 0.05);
  BOOST_TEST(!upper.low);
  BOOST_TEST(upper.high.value() == 1.0);
}

// Their likelihood grows without end as the deviation goes to 0, and would leave a point.
BOOST_AUTO_TEST_CASE(where_what_is_known_does_not_differ_one_end_is_open) {
  const double tenths = std::log10(0.3) - std::log10(0.1);
  for (const auto& [exact, bound] : {std::pair{1.0, 0.5}, {0.0, 0.0}, {0.0, -0.5}, {tenths, tenths}}) {
    std::vector<Observation> sample(4, Observation{exact});
    for (int i = 0; i < 8; ++i) sample.push_back({bound, Kind::at_least});
    const auto estimate = mean_estimate(sample, 0.05);
    BOOST_TEST(estimate.low.has_value());
    BOOST_TEST(!estimate.high, exact << " " << bound);
    if (exact != 0.0) sample[1].value = std::nextafter(exact, 2.0);
    BOOST_TEST(!mean_estimate(sample, 0.05).high, exact << " " << bound);
  }
}

BOOST_AUTO_TEST_CASE(upper_bounds_mirror_lower_ones) {
  const std::vector<Observation> sample{{1.0}, {2.0}, {1.5}, {2.2, Kind::at_least}, {1.8}, {1.1}};
  std::vector<Observation> mirrored;
  for (const auto& [value, kind] : sample)
    mirrored.push_back({-value, kind == Kind::at_least ? Kind::at_most : kind});
  const auto a = mean_estimate(sample, 0.05);
  const auto b = mean_estimate(mirrored, 0.05);
  BOOST_TEST(a.low.value() == -b.high.value(), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(a.high.value() == -b.low.value(), boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(what_is_unknown_or_not_finite_makes_no_interval) {
  BOOST_CHECK_THROW(mean_estimate(std::vector(3, Observation{1.0, Kind::unknown}), 0.05), Error);
  BOOST_CHECK_THROW(mean_estimate({}, 0.05), Error);
  BOOST_TEST(!mean_estimate(std::vector<Observation>{{1.0}, {NAN}}, 0.05).low);
  BOOST_TEST(!mean_estimate(std::vector<Observation>{{1.0}, {INFINITY, Kind::at_least}}, 0.05).low);
  BOOST_TEST(!mean_estimate(std::vector<Observation>{{1.0}}, 0.05).low);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
