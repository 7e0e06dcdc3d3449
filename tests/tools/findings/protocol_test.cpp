// What the protocol's verdicts are worth, on simulated studies whose truth is known: twelve seeds, as studies have
// by default, and the 19 primary findings of `keel study all`.

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "keel/runtime/rng.hpp"
#include "keel/tools/findings/finding.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr std::size_t seeds = 12;
constexpr std::size_t primaries = 19;
const Endpoint sized{.name = "effect", .claim = "There is one.", .unit = "points", .least = 1.0};

enum class Shape { normal, skewed };

// Effects of this mean and spread; the skewed ones are log-normal, of skewness 1.3.
std::vector<double> draw(Rng& rng, double mean, double sd, Shape shape) {
  std::vector<double> values(seeds);
  constexpr double sigma = 0.4;
  const double middle = std::exp(sigma * sigma / 2.0);
  const double spread = middle * std::sqrt(std::exp(sigma * sigma) - 1.0);
  for (auto& value : values) {
    const double standard =
        shape == Shape::normal ? rng.normal() : (std::exp(sigma * rng.normal()) - middle) / spread;
    value = mean + sd * standard;
  }
  return values;
}

struct Shares {
  double supported = 0.0;
  double contradicted = 0.0;
  double ruled_out = 0.0;
  double not_shown = 0.0;
};

void count(Shares& shares, Verdict verdict, double weight) {
  (verdict == Verdict::supported      ? shares.supported
   : verdict == Verdict::contradicted ? shares.contradicted
   : verdict == Verdict::ruled_out    ? shares.ruled_out
                                      : shares.not_shown) += weight;
}

Shares of_studies(double mean, double sd, Shape shape, int studies = 10000) {
  Rng rng = Rng{2}.stream("studies");
  Shares shares;
  for (int i = 0; i < studies; ++i)
    count(shares, judge(sized, draw(rng, mean, sd, shape)).verdict, 1.0 / studies);
  return shares;
}

// Of one study among 19, of which the others have no effect: its step of Holm's method is the hardest.
Shares of_one_in_all(double mean, double sd, int commands = 2000) {
  Rng rng = Rng{3}.stream("commands");
  Shares shares;
  for (int i = 0; i < commands; ++i) {
    std::vector<Finding> findings{judge(sized, draw(rng, mean, sd, Shape::normal))};
    while (findings.size() < primaries) findings.push_back(judge(sized, draw(rng, 0.0, sd, Shape::normal)));
    std::vector<Finding*> all;
    for (auto& finding : findings) all.push_back(&finding);
    correct_by_holm(all, true);
    count(shares, findings.front().verdict, 1.0 / commands);
  }
  return shares;
}

BOOST_AUTO_TEST_SUITE(protocol)

BOOST_AUTO_TEST_CASE(studies_without_an_effect_give_few_false_verdicts) {
  for (const auto shape : {Shape::normal, Shape::skewed}) {
    for (const double sd : {0.2, 1.0, 5.0}) {
      const auto shares = of_studies(0.0, sd, shape);
      BOOST_TEST_MESSAGE("sd " << sd << ": supported " << shares.supported << ", contradicted "
                               << shares.contradicted << ", ruled out " << shares.ruled_out);
      BOOST_TEST(shares.supported + shares.contradicted <= 0.05);
    }
  }
  // And where seeds agree well enough, they say that the effect named is not there.
  BOOST_TEST(of_studies(0.0, 0.5, Shape::normal).ruled_out > 0.8);
}

BOOST_AUTO_TEST_CASE(nineteen_studies_without_an_effect_give_few_false_verdicts_together) {
  constexpr int commands = 2000;
  Rng rng = Rng{4}.stream("commands");
  int wrong = 0;
  for (int i = 0; i < commands; ++i) {
    std::vector<Finding> findings;
    while (findings.size() < primaries) findings.push_back(judge(sized, draw(rng, 0.0, 1.0, Shape::normal)));
    std::vector<Finding*> all;
    for (auto& finding : findings) all.push_back(&finding);
    correct_by_holm(all, true);
    bool any = false;
    for (const auto& finding : findings)
      any = any || finding.verdict == Verdict::supported || finding.verdict == Verdict::contradicted;
    wrong += any ? 1 : 0;
  }
  BOOST_TEST_MESSAGE(wrong << " of " << commands << " commands with a false verdict");
  BOOST_TEST(wrong <= commands / 20);
}

// An effect of exactly the size named has a mean below it in half of all samples, whatever the number of seeds: so
// much can be supported, and no more. What must not happen is that it is denied.
BOOST_AUTO_TEST_CASE(an_effect_of_the_size_named_is_supported_or_left_open) {
  for (const double sd : {0.2, 0.5, 1.0}) {
    const auto shares = of_studies(1.0, sd, Shape::normal);
    BOOST_TEST_MESSAGE("sd " << sd << ": supported " << shares.supported << ", ruled out "
                             << shares.ruled_out);
    BOOST_TEST(shares.ruled_out < 0.03);
    BOOST_TEST(shares.contradicted == 0.0);
    if (sd <= 0.5) BOOST_TEST(std::abs(shares.supported - 0.5) < 0.02);
  }
}

// Nor is it among nineteen that all have one, each denied at its share of the family's level.
BOOST_AUTO_TEST_CASE(nineteen_effects_of_the_size_named_are_seldom_denied) {
  constexpr int commands = 1000;
  Rng rng = Rng{5}.stream("commands");
  int denied = 0;
  for (int i = 0; i < commands; ++i) {
    std::vector<Finding> findings;
    while (findings.size() < primaries)
      findings.push_back(judge(sized, draw(rng, sized.least, 0.2, Shape::normal)));
    std::vector<Finding*> all;
    for (auto& finding : findings) all.push_back(&finding);
    correct_by_holm(all, true);
    bool any = false;
    for (const auto& finding : findings) any = any || finding.verdict == Verdict::ruled_out;
    denied += any ? 1 : 0;
  }
  BOOST_TEST_MESSAGE(denied << " of " << commands << " commands deny an effect of the size named");
  BOOST_TEST(denied <= commands / 20);
}

// One and a half standard errors beyond the size named is what it takes.
BOOST_AUTO_TEST_CASE(an_effect_beyond_the_size_named_is_supported) {
  for (const double sd : {0.2, 0.5, 0.8}) {
    const double mean = 1.0 + 1.5 * sd / std::sqrt(static_cast<double>(seeds));
    const auto alone = of_studies(mean, sd, Shape::normal);
    const auto among_all = of_one_in_all(mean, sd);
    BOOST_TEST_MESSAGE("sd " << sd << ", mean " << mean << ": supported alone " << alone.supported
                             << ", in all " << among_all.supported);
    BOOST_TEST(alone.supported >= 0.8);
    if (sd <= 0.5) BOOST_TEST(among_all.supported >= 0.8);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
