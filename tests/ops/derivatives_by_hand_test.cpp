// Gradients of gradients, over and over again, against derivatives that were worked out by hand.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/layer_norm.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/softmax.hpp"

namespace {

using namespace keel;
using Vars = std::span<const Var>;
using Function = std::function<Var(Vars)>;

// The derivatives of order 0, 1, ..., 3 of element 0 of `function` by element 0 of v[0], over and over again.
std::vector<double> derivatives_of_first(const Function& function, const std::vector<Tensor>& inputs) {
  Tape tape;
  std::vector<Var> vars;
  for (const auto& input : inputs) vars.push_back(tape.stored(input, "input"));
  const auto first_of = [](const Var& value) { return sum(slice(reshape(value, {-1}), 0, 0, 1)); };
  std::vector<Var> results{first_of(function(vars))};
  while (results.size() < 4)
    results.push_back(first_of(gradients(results.back(), std::span{vars}.first(1))[0]));
  Plan plan{tape, results};
  plan.run();
  std::vector<double> values;
  for (std::size_t i = 0; i < results.size(); ++i) values.push_back(plan.output(i).data<double>()[0]);
  return values;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(derivatives_by_hand_test)

// Of two values a and b the first is normalized to f(d) = d / sqrt(d^2 + epsilon) with d = (a - b) / 2, so that
// each derivative by a is one by d, halved.
BOOST_AUTO_TEST_CASE(of_two_values_normalized_worked_by_hand) {
  constexpr double a = 0.7;
  constexpr double b = -0.4;
  constexpr double epsilon = 0.3;
  const double d = (a - b) / 2;
  const double square = d * d + epsilon;
  const std::vector<double> expected{d / std::sqrt(square), epsilon * std::pow(square, -1.5) / 2,
                                     -3 * epsilon * d * std::pow(square, -2.5) / 4,
                                     epsilon * (12 * d * d - 3 * epsilon) * std::pow(square, -3.5) / 8};
  const auto values = [](const Shape& shape, std::initializer_list<double> elements) {
    return Tensor::of<double>(shape, elements);
  };
  const auto by_batch = [](Vars v) { return batch_norm_training(v[0], v[1], v[2], epsilon).dst; };
  const auto by_layer = [](Vars v) { return layer_norm(v[0], v[1], v[2], epsilon); };
  const auto of_batch =
      derivatives_of_first(by_batch, {values({2, 1}, {a, b}), values({1}, {1}), values({1}, {0})});
  const auto of_layer =
      derivatives_of_first(by_layer, {values({1, 2}, {a, b}), values({2}, {1, 1}), values({2}, {0, 0})});
  BOOST_TEST(test::within(of_batch, expected, 1e-14));
  BOOST_TEST(test::within(of_layer, expected, 1e-14));
}

// y' = 1 - y^2 of tanh, y' = y (1 - y) of the logistic function, which softmax of (x, 0) is as well.
BOOST_AUTO_TEST_CASE(of_activations_worked_by_hand) {
  constexpr double x = 0.8;
  const Tensor at = Tensor::of<double>({1}, {x});
  const double t = std::tanh(x);
  const double t1 = 1 - t * t;
  BOOST_TEST(test::within(derivatives_of_first([](Vars v) { return tanh(v[0]); }, {at}),
                          std::vector{t, t1, -2 * t * t1, t1 * (6 * t * t - 2)}, 1e-14));
  const double s = 1 / (1 + std::exp(-x));
  const double s1 = s * (1 - s);
  const std::vector logistic{s, s1, s1 * (1 - 2 * s), s1 * (1 - 6 * s + 6 * s * s)};
  BOOST_TEST(test::within(derivatives_of_first([](Vars v) { return sigmoid(v[0]); }, {at}), logistic, 1e-14));
  const Tensor pair = Tensor::of<double>({1, 2}, {x, 0});
  BOOST_TEST(
      test::within(derivatives_of_first([](Vars v) { return softmax(v[0]); }, {pair}), logistic, 1e-14));
  const auto logarithms = derivatives_of_first([](Vars v) { return log_softmax(v[0]); }, {pair});
  BOOST_TEST(test::within(logarithms, std::vector{std::log(s), 1 - s, -s1, -s1 * (1 - 2 * s)}, 1e-14));
  const double density = std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  const double cdf = 0.5 * std::erfc(-x / std::numbers::sqrt2);
  BOOST_TEST(test::within(
      derivatives_of_first([](Vars v) { return gelu(v[0]); }, {at}),
      std::vector{x * cdf, cdf + x * density, (2 - x * x) * density, x * (x * x - 4) * density}, 1e-14));
}

BOOST_AUTO_TEST_CASE(of_gelu_far_out_are_zero) {
  for (const double x : {1e20, -1e20}) {
    const auto far = derivatives_of_first([](Vars v) { return gelu(v[0]); }, {Tensor::of<double>({1}, {x})});
    const double slope = x > 0 ? 1.0 : 0.0;
    BOOST_TEST((far == std::vector{x * slope, slope, 0.0, 0.0}));
  }
}

BOOST_AUTO_TEST_SUITE_END()
