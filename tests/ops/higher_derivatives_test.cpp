// Gradients of gradients: every operator's derivative is differentiated itself and held against differences.

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/clip.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/dropout.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/layer_norm.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/mse.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/power.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/ops/transpose.hpp"
#include "keel/runtime/rng.hpp"

namespace {

using namespace keel;
using Vars = std::span<const Var>;
using Function = std::function<Var(Vars)>;

struct Case {
  std::string name;
  Function function;
  std::vector<Shape> shapes;
  GradcheckOptions options = {};
};

void check(const Case& of, int order) {
  BOOST_TEST_CONTEXT(of.name << ", order " << order) {
    auto options = of.options;
    options.order = order;
    options.f32 = GradcheckF32::required;
    const auto report = gradcheck(of.function, of.shapes, options);
    BOOST_TEST(report.ok, report.text);
  }
}

void check_all(const std::vector<Case>& cases, int order) {
  for (const auto& each : cases) check(each, order);
}

// Away from 0, where roots and logarithms are steep.
Tensor positive(const Shape& shape) {
  Tensor tensor{shape, DType::f64};
  auto rng = Rng{4};
  for (auto& element : tensor.data<double>()) element = rng.uniform(0.5, 2.0);
  return tensor;
}

std::vector<Case> normalizations() {
  const auto batch_norm = [](Vars v) { return batch_norm_training(v[0], v[1], v[2], 1e-3).dst; };
  return {
      {"batch_norm", batch_norm, {{5, 3}, {3}, {3}}},
      {"batch_norm of images", batch_norm, {{2, 3, 2, 2}, {3}, {3}}},
      {"batch_norm by given statistics",
       [](Vars v) { return batch_norm_inference(v[0], v[1], v[2], v[3], v[4], 1e-3); },
       {{4, 2}, {2}, {2}, {2}, {2}},
       {.inputs = {positive({4, 2}), positive({2}), positive({2}), positive({2}), positive({2})}}},
      {"layer_norm", [](Vars v) { return layer_norm(v[0], v[1], v[2], 1e-3); }, {{3, 4}, {4}, {4}}},
      {"softmax", [](Vars v) { return softmax(v[0]); }, {{3, 4}}},
      {"softmax down", [](Vars v) { return softmax(v[0], 0); }, {{3, 2}}},
      {"log_softmax", [](Vars v) { return log_softmax(v[0]); }, {{3, 4}}},
      {"tanh", [](Vars v) { return tanh(v[0]); }, {{7}}},
  };
}

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

BOOST_AUTO_TEST_SUITE(higher_derivatives_test)

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

BOOST_AUTO_TEST_CASE(of_normalizations) {
  check_all(normalizations(), 2);
}

BOOST_AUTO_TEST_CASE(of_the_third_order) {
  check_all(normalizations(), 3);
}

BOOST_AUTO_TEST_CASE(through_the_statistics_of_a_batch) {
  const auto all = [](Vars v) {
    const auto [dst, mean, variance] = batch_norm_training(v[0], v[1], v[2], 1e-3);
    return sum(dst * dst) + sum(mean * variance) + sum(sqrt(variance));
  };
  check({"batch_norm with its statistics", all, {{5, 3}, {3}, {3}}}, 1);
  check({"batch_norm with its statistics", all, {{5, 3}, {3}, {3}}}, 2);
}

BOOST_AUTO_TEST_CASE(of_functions_of_one_array) {
  const GradcheckOptions above_zero{.inputs = {positive({6})}};
  check_all({{"relu", [](Vars v) { return relu(v[0] * v[0] - 0.5); }, {{6}}},
             {"leaky_relu", [](Vars v) { return leaky_relu(v[0] * v[0] - 0.5, 0.1); }, {{6}}},
             {"sigmoid", [](Vars v) { return sigmoid(v[0]); }, {{6}}},
             {"gelu", [](Vars v) { return gelu(v[0]); }, {{6}}},
             {"exp", [](Vars v) { return exp(v[0]); }, {{6}}},
             {"log", [](Vars v) { return log(v[0]); }, {{6}}, above_zero},
             {"sqrt", [](Vars v) { return sqrt(v[0]); }, {{6}}, above_zero},
             {"square", [](Vars v) { return square(v[0]); }, {{6}}},
             {"negate", [](Vars v) { return -(v[0] * v[0]); }, {{6}}}},
            2);
  check_all({{"abs", [](Vars v) { return square(abs(v[0])); }, {{6}}},
             {"clamp", [](Vars v) { return square(clamp(v[0], -0.5, 0.7)); }, {{6}}},
             {"log1p", [](Vars v) { return log1p(v[0]); }, {{6}}, above_zero},
             {"expm1", [](Vars v) { return expm1(v[0]); }, {{6}}},
             {"softplus", [](Vars v) { return softplus(v[0]); }, {{6}}},
             {"silu", [](Vars v) { return silu(v[0]); }, {{6}}},
             {"elu", [](Vars v) { return elu(v[0]); }, {{6}}},
             {"erf", [](Vars v) { return erf(v[0]); }, {{6}}},
             {"sin", [](Vars v) { return sin(v[0]); }, {{6}}},
             {"cos", [](Vars v) { return cos(v[0]); }, {{6}}},
             {"pow 3", [](Vars v) { return pow(v[0], 3); }, {{6}}},
             {"pow -0.5", [](Vars v) { return pow(v[0], -0.5); }, {{6}}, above_zero}},
            2);
  check({"gelu", [](Vars v) { return gelu(v[0]); }, {{6}}}, 3);
  check({"sigmoid", [](Vars v) { return sigmoid(v[0]); }, {{6}}}, 3);
}

BOOST_AUTO_TEST_CASE(of_arithmetic_and_products) {
  check_all({{"divide",
              [](Vars v) { return v[0] / v[1]; },
              {{2, 3}, {3}},
              {.inputs = {positive({2, 3}), positive({3})}}},
             {"multiply", [](Vars v) { return v[0] * v[1] - v[1]; }, {{2, 3}, {3}}},
             {"multiply by itself", [](Vars v) { return v[0] * v[0] * v[0]; }, {{3}}},
             {"maximum", [](Vars v) { return maximum(v[0] * v[0], v[1] * v[0]); }, {{2, 3}, {3}}},
             {"minimum", [](Vars v) { return minimum(v[0] * v[0], v[1] * v[0]); }, {{2, 3}, {3}}},
             {"where",
              [](Vars v) { return square(where(greater(v[0], v[1]), v[0], v[1] * v[2])); },
              {{2, 3}, {3}, {2, 1}}},
             {"pow",
              [](Vars v) { return pow(v[0], v[1]); },
              {{2, 3}, {3}},
              {.inputs = {positive({2, 3}), positive({3})}}},
             {"matmul", [](Vars v) { return matmul(v[0], v[1], {.weights = true}); }, {{2, 3}, {4, 3}}},
             {"matmul of a batch", [](Vars v) { return matmul(v[0], v[1]); }, {{2, 3, 2}, {2, 4}}},
             {"linear", [](Vars v) { return linear(v[0], v[1], v[2]); }, {{2, 3}, {4, 3}, {4}}}},
            2);
}

BOOST_AUTO_TEST_CASE(of_what_moves_and_adds_up_elements) {
  check_all({{"sum", [](Vars v) { return square(sum(v[0], {1})); }, {{2, 3}}},
             {"mean", [](Vars v) { return square(mean(v[0], {0}, true)); }, {{2, 3}}},
             {"max", [](Vars v) { return square(max(v[0], {1})); }, {{3, 4}}},
             {"broadcast_to",
              [](Vars v) {
                return square(broadcast_to(v[0], {2, 3}));
              },
              {{3}}},
             {"reshape",
              [](Vars v) {
                return square(reshape(v[0], {3, -1}));
              },
              {{2, 3}}},
             {"transpose",
              [](Vars v) {
                return square(transpose(v[0], {1, 0}));
              },
              {{2, 3}}},
             {"slice", [](Vars v) { return square(slice(v[0], 1, 0, 2)); }, {{2, 3}}},
             {"concatenate", [](Vars v) { return square(concatenate(v, 0)); }, {{2, 3}, {1, 3}}}},
            2);
}

BOOST_AUTO_TEST_CASE(of_images) {
  const Conv2dOptions strided{.stride = 2, .padding = 1};
  check_all({{"conv2d", [](Vars v) { return conv2d(v[0], v[1], v[2]); }, {{2, 2, 4, 3}, {3, 2, 2, 2}, {3}}},
             {"conv2d with strides",
              [=](Vars v) { return conv2d(v[0], v[1], v[2], strided); },
              {{2, 2, 4, 3}, {3, 2, 3, 2}, {3}}},
             {"conv2d squared",
              [=](Vars v) { return square(conv2d(v[0], v[1], {}, strided)); },
              {{1, 2, 4, 3}, {2, 2, 3, 2}}},
             {"max_pool2d",
              [](Vars v) { return square(max_pool2d(v[0], {.kernel = 2, .stride = 1})); },
              {{2, 2, 4, 3}}},
             {"average_pool2d",
              [](Vars v) { return square(average_pool2d(v[0], {.kernel = 3, .stride = 2, .padding = 1})); },
              {{2, 2, 4, 3}}}},
            2);
}

// Where a second derivative is zero everywhere, operators are looked at by themselves. The derivative of a ReLU or
// of a maximum is a function of what came out forward, and jumps when that moves alone.
BOOST_AUTO_TEST_CASE(that_are_zero) {
  const auto normalized = [](Vars v) { return batch_norm_training(v[0], v[1], v[2], 1e-3).dst; };
  const auto penalty = [=](Vars v) {
    const Var hidden = relu(matmul(v[0], v[1]) + v[2]);
    return gradients(sum(square(hidden)), v.first(1))[0];
  };
  const std::vector<Case> cases{
      {"relu", [](Vars v) { return relu(v[0]); }, {{3, 4}}},
      {"relu of a layer", [](Vars v) { return relu(matmul(v[0], v[1]) + v[2]); }, {{8, 3}, {3, 4}, {4}}},
      {"relu of batch norm", [=](Vars v) { return relu(normalized(v)); }, {{8, 3}, {3}, {3}}},
      {"max", [](Vars v) { return max(v[0], {1}); }, {{5, 6}}},
      {"max pooling", [](Vars v) { return max_pool2d(v[0], {.kernel = 2}); }, {{2, 2, 4, 4}}}};
  check_all(cases, 2);
  check({"a gradient as a function", penalty, {{8, 3}, {3, 4}, {4}}}, 1);
}

BOOST_AUTO_TEST_CASE(of_losses) {
  const Tensor labels = Tensor::of<std::int32_t>({3}, {0, 3, 1});
  const auto logits = [](std::uint64_t seed) {
    return test::converted(test::random_tensor({3, 4}, seed), DType::f64);
  };
  const GradcheckOptions labelled{.inputs = {logits(1), labels}};
  check_all({{"nll", [](Vars v) { return square(nll(v[0] * v[0], v[1])); }, {}, labelled},
             {"cross_entropy", [](Vars v) { return cross_entropy(v[0], v[1]); }, {}, labelled},
             {"mse", [](Vars v) { return mse(v[0], v[1]); }, {{3, 2}, {3, 2}}}},
            2);
}

BOOST_AUTO_TEST_CASE(of_clipping_and_dropout) {
  for (const double limit : {0.5, 1e3}) {
    const auto clipped = [=](Vars v) {
      const auto grads = clip_by_norm(v, limit).grads;
      return sum(square(grads[0])) + sum(grads[1] * grads[1] * grads[1]);
    };
    check({"clip_by_norm", clipped, {{3}, {2, 2}}}, 1);
    check({"clip_by_norm", clipped, {{3}, {2, 2}}}, 2);
  }
  const Tensor stream = Tensor::of<std::int32_t>({4}, {1, 2, 3, 4});
  const auto dropped = [&](Vars v) {
    return square(dropout(v[0], 0.5, v[0].tape().stored(stream, "stream")));
  };
  check({"dropout", dropped, {{4, 5}}}, 2);
}

BOOST_AUTO_TEST_SUITE_END()
