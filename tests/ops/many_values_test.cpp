// Sums over millions of values, of which one f32 accumulator loses the most.

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/layer_norm.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using Vars = std::span<const Var>;

Tensor filled(const Shape& shape, float value) {
  Tensor tensor{shape};
  for (auto& element : tensor.data<float>()) element = value;
  return tensor;
}

// The results of `function` in f32, fused, forward alone.
std::vector<std::vector<double>> results(const test::Function& function, const std::vector<Tensor>& inputs) {
  return test::evaluate(function, {.fused = true, .differentiated = false, .inputs = inputs}).outputs;
}

double relative_error(double actual, double expected) {
  return std::abs(actual / expected - 1.0);
}

// A channel of so many values around `mean`: half of them a step above, half below.
Tensor two_valued(const Shape& shape, float mean, float step) {
  Tensor tensor{shape};
  const auto elements = tensor.data<float>();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const auto sample = i / static_cast<std::size_t>(shape[1]);
    elements[i] = mean + (sample % 2 == 0 ? step : -step);
  }
  return tensor;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(many_values_test)

BOOST_AUTO_TEST_CASE(sums_and_means_over_any_axes) {
  const double value = 0.1F;
  const auto all = [](Vars v) { return std::vector{sum(v[0])}; };
  BOOST_TEST(relative_error(results(all, {filled({1392640}, 0.1F)})[0][0], 1392640 * value) < 1e-7);
  const auto down = [](Vars v) { return std::vector{sum(v[0], {0}), mean(v[0], {0})}; };
  for (const std::int64_t columns : {1, 3, 4, 40}) {
    const auto sums = results(down, {filled({300007, columns}, 0.1F)});
    for (const double result : sums[0]) BOOST_TEST(relative_error(result, 300007 * value) < 1e-7);
    for (const double result : sums[1]) BOOST_TEST(result == value);
  }
  const auto across = [](Vars v) { return std::vector{sum(v[0], {1}), mean(v[0], {0, 2})}; };
  const auto sums = results(across, {filled({3, 200001, 2}, 1000.1F)});
  const double large = 1000.1F;
  for (const double result : sums[0]) BOOST_TEST(relative_error(result, 200001 * large) < 1e-7);
  for (const double result : sums[1]) BOOST_TEST(relative_error(result, large) < 1e-7);
}

BOOST_AUTO_TEST_CASE(the_bias_gradient_behind_a_relu) {
  const auto function = [](Vars v) { return std::vector{sum(relu(v[0] + v[1]))}; };
  const auto result =
      test::evaluate(function, {.fused = true, .inputs = {filled({500000, 3}, 1.0F), filled({3}, 1.0F)}});
  const double upstream = test::values(test::upstream_gradient(Shape{}))[0];
  for (const double gradient : result.gradients[1])
    BOOST_TEST(relative_error(gradient, 500000 * upstream) < 1e-7);
}

BOOST_AUTO_TEST_CASE(losses_of_very_many_rows_and_classes) {
  const Tensor labels{{200000}, DType::s32};
  const auto loss = [](Vars v) { return std::vector{cross_entropy(v[0], v[1])}; };
  BOOST_TEST(relative_error(results(loss, {filled({200000, 10}, 0.0F), labels})[0][0], std::log(10.0)) <
             1e-7);
  const Tensor few{{2}, DType::s32};
  BOOST_TEST(relative_error(results(loss, {filled({2, 700000}, 3.0F), few})[0][0], std::log(700000.0)) <
             1e-7);
  const auto shares = [](Vars v) { return std::vector{softmax(v[0], -1), softmax(v[0], 0)}; };
  const auto wide = results(shares, {filled({2, 700000}, 3.0F)});
  BOOST_TEST(relative_error(wide[0][5], 1.0 / 700000) < 2e-7);
  const auto tall = results(shares, {filled({700000, 2}, 3.0F)});
  BOOST_TEST(relative_error(tall[1][5], 1.0 / 700000) < 2e-7);
}

// In either memory format: pooling by one pixel leaves images as they are, but with their channels last.
BOOST_AUTO_TEST_CASE(batch_norm_of_a_constant_channel_gives_beta) {
  for (const bool channels_last : {false, true}) {
    const auto function = [=](Vars v) {
      const Var src = channels_last ? max_pool2d(v[0], {.kernel = 1}) : v[0];
      const auto [dst, mean, variance] = batch_norm_training(src, v[1], v[2]);
      return std::vector{max(dst, {0, 2, 3}), -max(-dst, {0, 2, 3}), mean, variance};
    };
    for (const auto& shape : {Shape{128, 2, 128, 128}, Shape{3, 2, 1000, 700}}) {
      const auto outputs = results(
          function, {filled(shape, 100.1F), filled({2}, 3.0F), Tensor::of<float>({2}, {0.7F, -2.0F})});
      const std::vector<double> beta{0.7F, -2.0F};
      BOOST_TEST(outputs[0] == beta, boost::test_tools::per_element());
      BOOST_TEST(outputs[1] == beta, boost::test_tools::per_element());
      BOOST_TEST(outputs[2] == (std::vector<double>{100.1F, 100.1F}), boost::test_tools::per_element());
      BOOST_TEST(outputs[3] == (std::vector<double>{0, 0}), boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_variance_of_four_million_values_around_a_thousand) {
  const auto function = [](Vars v) {
    const auto [dst, mean, variance] = batch_norm_training(v[0], v[1], v[2]);
    return std::vector{mean, variance};
  };
  for (const std::int64_t channels : {1, 3}) {
    const auto outputs = results(function, {two_valued({4000000, channels}, 1000.0F, 1.0F),
                                            filled({channels}, 1.0F), filled({channels}, 0.0F)});
    for (const double mean : outputs[0]) BOOST_TEST(mean == 1000.0);
    for (const double variance : outputs[1]) BOOST_TEST(variance == 1.0);
  }
}

BOOST_AUTO_TEST_CASE(gradients_of_gamma_and_beta_over_very_many_samples) {
  const auto batch = [](Vars v) { return std::vector{sum(batch_norm_training(v[0], v[1], v[2]).dst)}; };
  const auto layer = [](Vars v) { return std::vector{sum(layer_norm(v[0], v[1], v[2]))}; };
  const double upstream = test::values(test::upstream_gradient(Shape{}))[0];
  for (const auto& function : {test::Function{batch}, test::Function{layer}}) {
    const auto result = test::evaluate(
        function, {.inputs = {two_valued({400000, 4}, 5.0F, 1.0F), filled({4}, 1.0F), filled({4}, 0.0F)}});
    for (const double gradient : result.gradients[2])
      BOOST_TEST(relative_error(gradient, 400000 * upstream) < 1e-7);
  }
}

// Which sums are added first is a matter of shapes, not of threads.
BOOST_AUTO_TEST_CASE(sums_are_the_same_bits_on_one_thread_and_on_two) {
  const auto function = [](Vars v) {
    const auto norm = batch_norm_training(v[0], v[1], v[2]);
    return std::vector{sum(norm.dst * norm.dst), norm.mean,      norm.variance,
                       sum(v[0], {0}),           sum(v[0], {1}), layer_norm(v[0], v[1], v[2]),
                       log_softmax(v[0])};
  };
  for (const auto& shape : {Shape{70000, 3}, Shape{300, 700}, Shape{5000, 33}}) {
    const std::vector inputs{test::random_tensor(shape, 1), test::random_tensor({shape[1]}, 2),
                             test::random_tensor({shape[1]}, 3)};
    const auto with_threads = [&](int threads) {
      const ThreadLimit limit{threads};
      return test::evaluate(function, {.inputs = inputs});
    };
    const auto one = with_threads(1);
    const auto two = with_threads(2);
    BOOST_TEST((one.outputs == two.outputs), to_string(shape));
    BOOST_TEST((one.gradients == two.gradients), to_string(shape));
  }
}

BOOST_AUTO_TEST_SUITE_END()
