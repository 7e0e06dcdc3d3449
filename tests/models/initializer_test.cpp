#include "keel/models/initializer.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/models/conv2d.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/linear.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::throws_with;
using test::values;

constexpr std::int64_t inputs = 300;
constexpr std::int64_t outputs = 100;

// The weights and the bias of a layer that starts by `rule`.
struct Started {
  explicit Started(const InitializerRule& rule, const InitializerRule& bias_rule = initializers::fan_in())
      : layer{inputs, outputs, {.weights = rule, .bias_values = bias_rule}} {
    initialize(layer, Rng{3}, DType::f64);
    weights = values(parameters(layer)[0].parameter->value());
    bias = values(parameters(layer)[1].parameter->value());
  }
  Linear layer;
  std::vector<double> weights;
  std::vector<double> bias;
};

// Sample moments of n independent values of variance v lie within five standard deviations: the mean's is
// sqrt(v / n), the mean square's v sqrt((kurtosis - 1) / n), with kurtosis 3 for a normal, 9/5 for a uniform
// distribution.
void check_moments(const std::vector<double>& sample, double variance, double kurtosis,
                   const std::string& name) {
  const auto count = static_cast<double>(sample.size());
  double mean = 0.0;
  double square = 0.0;
  for (const double value : sample) {
    mean += value / count;
    square += value * value / count;
  }
  BOOST_TEST(std::abs(mean) < 5 * std::sqrt(variance / count), name);
  BOOST_TEST(std::abs(square - variance) < 5 * variance * std::sqrt((kurtosis - 1) / count), name);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(initializer_test)

BOOST_AUTO_TEST_CASE(rules_have_the_variances_of_their_papers) {
  struct Case {
    std::string name;
    double variance;
    bool normal;
  };
  for (const auto& [name, variance, normal] :
       {Case{"fan_in", 1.0 / (3 * inputs), false}, Case{"kaiming_normal", 2.0 / inputs, true},
        Case{"kaiming_uniform", 2.0 / inputs, false}, Case{"xavier_normal", 2.0 / (inputs + outputs), true},
        Case{"xavier_uniform", 2.0 / (inputs + outputs), false}}) {
    const Started started{initializers::by_name(name)};
    check_moments(started.weights, variance, normal ? 3.0 : 1.8, name);
    const double bound = std::sqrt(3 * variance);
    const double largest = std::max(std::ranges::max(started.weights), -std::ranges::min(started.weights));
    // Of 30000 normal values, one beyond sqrt(3) deviations is as good as certain.
    BOOST_TEST((largest > bound * (1 + 1e-12)) == normal, name << ": " << largest);
    BOOST_TEST(largest > 0.99 * bound, name);
  }
}

BOOST_AUTO_TEST_CASE(rules_with_numbers_of_their_own) {
  const Started normal{initializers::normal(5.0, 0.5), initializers::constant(0.25)};
  auto centered = normal.weights;
  for (auto& value : centered) value -= 5.0;
  check_moments(centered, 0.25, 3.0, "normal");
  BOOST_TEST(normal.bias == std::vector<double>(outputs, 0.25), boost::test_tools::per_element());
  const Started uniform{initializers::uniform(2.0, 3.0)};
  BOOST_TEST((std::ranges::min(uniform.weights) >= 2.0 && std::ranges::max(uniform.weights) < 3.0));
  BOOST_TEST((std::ranges::min(uniform.weights) < 2.01 && std::ranges::max(uniform.weights) > 2.99));
}

BOOST_AUTO_TEST_CASE(rules_with_numbers_have_names_too) {
  for (const auto& [name, rule] : {std::pair{"normal(5, 0.5)", initializers::normal(5.0, 0.5)},
                                   std::pair{"uniform(-1e-3,2)", initializers::uniform(-1e-3, 2.0)},
                                   std::pair{"constant( 0.25 )", initializers::constant(0.25)}}) {
    BOOST_TEST((Started{initializers::by_name(name)}.weights == Started{rule}.weights), name);
  }
  for (const auto* name : {"normal", "normal()", "normal(1)", "normal(1, 2, 3)", "normal(1, x)",
                           "constant(1) ", "constant(1", "constant(0x)", "uniform(1 2)", ""}) {
    BOOST_TEST(throws_with<Error>([&] { (void)initializers::by_name(name); },
                                  {"no initializer", "normal(mean, deviation)"}),
               name);
  }
  BOOST_TEST(throws_with<Error>(
      [] { (void)Linear(2, 2, {.weights = initializers::by_name("normal(0, -1)")}); }, {"not 0 and -1"}));
}

BOOST_AUTO_TEST_CASE(a_convolution_starts_by_the_rule_that_it_is_given) {
  Conv2d layer{
      3, 64, {5, 4}, {.weights = initializers::kaiming_normal(), .bias_values = initializers::constant(2)}};
  initialize(layer, Rng{3}, DType::f64);
  const auto all = parameters(layer);
  const auto weights = all[0].parameter->value().data<double>();
  check_moments({weights.begin(), weights.end()}, 2.0 / (3 * 5 * 4), 3.0, "conv2d");
  BOOST_TEST((std::ranges::count(all[1].parameter->value().data<double>(), 2.0)) == 64);
  Conv2d glorot{3, 64, {5, 4}, {.weights = initializers::xavier_uniform()}};
  initialize(glorot, Rng{3}, DType::f64);
  const auto even = parameters(glorot)[0].parameter->value().data<double>();
  check_moments({even.begin(), even.end()}, 2.0 / ((3 + 64) * 5 * 4), 1.8, "conv2d");
}

BOOST_AUTO_TEST_CASE(the_default_is_pytorch_s_bit_for_bit) {
  const Started by_default{LinearOptions{}.weights};
  const Started named{initializers::by_name("fan_in")};
  BOOST_TEST((by_default.weights == named.weights));
  // The first weight by its definition: low + (high - low) u, of the stream that the path names.
  const double bound = 1.0 / std::sqrt(static_cast<double>(inputs));
  BOOST_TEST(by_default.weights[0] == -bound + (bound - -bound) * Rng{3}.stream("weights").uniform());
}

BOOST_AUTO_TEST_CASE(another_rule_for_the_weights_leaves_the_bias_as_it_was) {
  BOOST_TEST((Started{initializers::fan_in()}.bias == Started{initializers::xavier_normal()}.bias));
}

BOOST_AUTO_TEST_CASE(an_unknown_name_is_answered_by_those_that_there_are) {
  BOOST_TEST(throws_with<Error>(
      [] { (void)initializers::by_name("kaimin"); },
      {"no initializer 'kaimin'", "fan_in, kaiming_normal, kaiming_uniform, xavier_normal, xavier_uniform"}));
}

BOOST_AUTO_TEST_CASE(numbers_that_make_no_sense_are_named) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  BOOST_TEST(throws_with<Error>([] { (void)Initializer::uniform(2.0, 1.0); }, {"not [2, 1)"}));
  BOOST_TEST(throws_with<Error>([&] { (void)Initializer::uniform(nan, 1.0); }, {"not [nan, 1)"}));
  BOOST_TEST(throws_with<Error>([] { (void)Initializer::normal(0.0, -1.0); }, {"not 0 and -1"}));
  BOOST_TEST(throws_with<Error>([&] { (void)Initializer::normal(0.0, nan); }, {"not 0 and nan"}));
  BOOST_TEST(throws_with<Error>([] { (Linear{0, 3}); }, {"at least one input", "not 0"}));
  BOOST_TEST(throws_with<Error>(
      [] {
        (Linear{3, 0, {.weights = initializers::xavier_normal()}});
      },
      {"not 3 and 0"}));
}

BOOST_AUTO_TEST_SUITE_END()
