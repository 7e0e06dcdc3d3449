#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/runtime/rng.hpp"

// What batch normalization is known to do whatever its input, in f64 to rounding error and in f32 to the
// bounds that its arithmetic allows.

namespace {

using namespace keel;
using test::random_tensor;

using Vars = std::span<const Var>;

constexpr double tiny = 1e-12;  // of numbers near 1 in f64: rounding error, with room

std::vector<Var> normalized(Vars v) {
  return {batch_norm_training(v[0], v[1], v[2]).dst};
}

std::vector<Var> normalized_without_epsilon(Vars v) {
  return {batch_norm_training(v[0], v[1], v[2], 1e-13).dst};
}

struct Batch {
  explicit Batch(Shape shape)
      : src(random_tensor(shape, 1, 2.0, 3.0)),
        gamma(random_tensor({shape[1]}, 2)),
        beta(random_tensor({shape[1]}, 3)),
        upstream(test::values(test::upstream_gradient(shape))),
        features(static_cast<std::size_t>(shape[1])) {}

  [[nodiscard]] std::vector<Tensor> inputs() const { return {src, gamma, beta}; }
  [[nodiscard]] test::BatchNormBounds bounds() const {
    return test::batch_norm_bounds({.src = src, .gamma = gamma, .beta = beta, .upstream = upstream});
  }

  Tensor src;
  Tensor gamma;
  Tensor beta;
  std::vector<double> upstream;
  std::size_t features;
};

// The sums over the batch, one a feature.
std::vector<double> sums(const std::vector<double>& values, std::size_t features) {
  std::vector<double> result(features);
  for (std::size_t i = 0; i < values.size(); ++i) result[i % features] += values[i];
  return result;
}

std::vector<double> products(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result(a.size());
  std::ranges::transform(a, b, result.begin(), std::multiplies{});
  return result;
}

Tensor filled(std::int64_t count, float value) {
  return Tensor::of<float>({count}, std::vector<float>(static_cast<std::size_t>(count), value));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(batch_norm_properties_test)

BOOST_AUTO_TEST_CASE(the_gradient_of_a_feature_adds_up_to_zero) {
  for (const auto& shape : {Shape{2, 3}, Shape{13, 7}, Shape{64, 128}}) {
    const Batch batch{shape};
    const auto wide = test::evaluate(normalized, {.dtype = DType::f64, .inputs = batch.inputs()});
    BOOST_TEST(test::within(sums(wide.gradients[0], batch.features), std::vector(batch.features, 0.0), tiny));
    const auto single = test::evaluate(normalized, {.inputs = batch.inputs()});
    const auto allowed = sums(batch.bounds().grad_src, batch.features);
    BOOST_TEST(
        test::within(sums(single.gradients[0], batch.features), std::vector(batch.features, 0.0), allowed));
  }
}

BOOST_AUTO_TEST_CASE(the_gradient_of_a_feature_is_orthogonal_to_its_values_as_epsilon_vanishes) {
  for (const auto& shape : {Shape{5, 3}, Shape{13, 7}, Shape{64, 128}}) {
    Batch batch{shape};
    batch.gamma = filled(shape[1], 1.0F);  // then dst is xhat
    batch.beta = filled(shape[1], 0.0F);
    const auto result =
        test::evaluate(normalized_without_epsilon, {.dtype = DType::f64, .inputs = batch.inputs()});
    const auto inner = sums(products(result.gradients[0], result.outputs[0]), batch.features);
    BOOST_TEST(test::within(inner, std::vector(batch.features, 0.0), 1e-10));
    // Not because the gradient vanishes.
    BOOST_TEST(sums(products(result.gradients[0], result.gradients[0]), batch.features)[0] > 0.01);
  }
}

BOOST_AUTO_TEST_CASE(the_gradients_of_gamma_and_beta_are_the_sums_of_upstream_times_xhat_and_of_upstream) {
  Batch batch{{13, 7}};
  const auto with_gamma = test::evaluate(normalized, {.dtype = DType::f64, .inputs = batch.inputs()});
  batch.gamma = filled(7, 1.0F);
  batch.beta = filled(7, 0.0F);
  const auto xhat = test::evaluate(normalized, {.dtype = DType::f64, .inputs = batch.inputs()}).outputs[0];
  BOOST_TEST(test::within(with_gamma.gradients[1], sums(products(batch.upstream, xhat), 7), tiny));
  BOOST_TEST(test::within(with_gamma.gradients[2], sums(batch.upstream, 7), tiny));
}

BOOST_AUTO_TEST_CASE(with_frozen_statistics_the_gradient_is_upstream_times_gamma_over_the_deviation) {
  const Batch batch{{13, 7}};
  Tensor variance = random_tensor({7}, 5);
  for (auto& value : variance.data<float>()) value = 0.1F + value * value;
  std::vector inputs = batch.inputs();
  inputs.insert(inputs.end(), {random_tensor({7}, 4), variance});
  const auto result =
      test::evaluate([](Vars v) { return std::vector{batch_norm_inference(v[0], v[1], v[2], v[3], v[4])}; },
                     {.dtype = DType::f64, .inputs = inputs, .frozen = {3, 4}});
  const auto gamma = test::values(batch.gamma);
  const auto deviations = test::values(variance);
  std::vector<double> expected;
  for (std::size_t i = 0; i < batch.upstream.size(); ++i)
    expected.push_back(batch.upstream[i] * gamma[i % 7] / std::sqrt(deviations[i % 7] + 1e-5));
  BOOST_TEST(test::within(result.gradients[0], expected, tiny));
}

BOOST_AUTO_TEST_CASE(every_feature_comes_out_with_mean_zero_and_variance_one) {
  Batch batch{{64, 20}};
  batch.gamma = filled(20, 1.0F);
  batch.beta = filled(20, 0.0F);
  const auto dst =
      test::evaluate(normalized_without_epsilon, {.dtype = DType::f64, .inputs = batch.inputs()}).outputs[0];
  BOOST_TEST(test::within(sums(dst, 20), std::vector(20, 0.0), tiny * 64));
  BOOST_TEST(test::within(sums(products(dst, dst), 20), std::vector(20, 64.0), tiny * 64));
}

BOOST_AUTO_TEST_CASE(a_bias_just_before_has_no_gradient_and_no_effect) {
  const auto biased = [](Vars v) {
    return std::vector{batch_norm_training(linear(v[0], v[1], v[4]), v[2], v[3]).dst};
  };
  const auto unbiased = [](Vars v) {
    return std::vector{batch_norm_training(linear(v[0], v[1]), v[2], v[3]).dst};
  };
  const std::vector inputs{random_tensor({32, 5}, 1), random_tensor({16, 5}, 2), random_tensor({16}, 3),
                           random_tensor({16}, 4), random_tensor({16}, 5, 3.0)};
  const auto with = test::evaluate(biased, {.dtype = DType::f64, .inputs = inputs});
  const auto without =
      test::evaluate(unbiased, {.dtype = DType::f64, .inputs = {inputs.begin(), inputs.end() - 1}});
  BOOST_TEST(test::within(with.outputs[0], without.outputs[0], tiny));
  BOOST_TEST(test::within(with.gradients[1], without.gradients[1], 32 * tiny));
  BOOST_TEST(test::within(with.gradients[4], std::vector(16, 0.0), tiny));
}

// xhat changes by a factor of at most 1 - epsilon / (2 variance): epsilon is 1e-13, no variance below 0.01.
BOOST_AUTO_TEST_CASE(the_scale_of_the_layer_before_does_not_matter_as_epsilon_vanishes) {
  const auto scaled = [](float factor) {
    Tensor weights = random_tensor({16, 5}, 2);
    for (auto& value : weights.data<float>())
      value = static_cast<float>(factor * std::round(value * 16) / 16);
    return test::evaluate(
        [](Vars v) { return std::vector{batch_norm_training(linear(v[0], v[1]), v[2], v[3], 1e-13).dst}; },
        {.dtype = DType::f64,
         .inputs = {random_tensor({32, 5}, 1), weights, random_tensor({16}, 3), random_tensor({16}, 4)}});
  };
  const auto one = scaled(1.0F);
  const auto ten = scaled(10.0F);
  BOOST_TEST(test::within(ten.outputs[0], one.outputs[0], 1e-10));
  // And the gradient of the weights shrinks as they grow: the effective learning rate falls.
  std::vector<double> tenth = one.gradients[1];
  for (auto& value : tenth) value /= 10;
  BOOST_TEST(test::within(ten.gradients[1], tenth, 1e-9));
}

BOOST_AUTO_TEST_CASE(reordering_the_batch_reorders_the_output) {
  const Batch batch{{31, 16}};
  std::vector<std::size_t> order(31);
  std::iota(order.begin(), order.end(), 0);
  Rng{5}.shuffle(std::span{order});
  const auto reordered = [&](const std::vector<double>& values) {
    std::vector<double> result;
    for (const auto row : order)
      result.insert(result.end(), values.begin() + static_cast<std::ptrdiff_t>(row * 16),
                    values.begin() + static_cast<std::ptrdiff_t>(row * 16 + 16));
    return result;
  };
  const auto shuffled_values = reordered(test::values(batch.src));
  Tensor shuffled{batch.src.shape()};
  std::ranges::transform(shuffled_values, shuffled.data<float>().begin(),
                         [](double value) { return static_cast<float>(value); });
  BOOST_TEST((shuffled_values != test::values(batch.src)));
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto straight = test::evaluate(
        normalized,
        {.dtype = dtype, .differentiated = false, .inputs = {batch.src, batch.gamma, batch.beta}});
    const auto mixed = test::evaluate(
        normalized, {.dtype = dtype, .differentiated = false, .inputs = {shuffled, batch.gamma, batch.beta}});
    auto allowed = reordered(batch.bounds().dst);  // the sums are added up in another order
    for (auto& bound : allowed) bound *= dtype == DType::f32 ? 2.0 : 2.0 * 0x1p-29;
    BOOST_TEST(test::within(mixed.outputs[0], reordered(straight.outputs[0]), allowed));
  }
}

// With x = m +- d the deviation is d itself: all that is left of a feature is which sample had more of it.
BOOST_AUTO_TEST_CASE(of_a_batch_of_two_only_the_sign_of_the_difference_survives) {
  for (const std::int64_t features : {16, 7}) {
    const Tensor src = random_tensor({2, features}, 1, 2.0, 3.0);
    const auto x = test::values(src);
    const auto count = static_cast<std::size_t>(features);
    std::vector<double> signs(2 * count);
    for (std::size_t c = 0; c < count; ++c) {
      signs[c] = x[c] > x[count + c] ? 1.0 : -1.0;
      signs[count + c] = -signs[c];
    }
    const std::vector inputs{src, filled(features, 1.0F), filled(features, 0.0F)};
    const auto wide = test::evaluate(normalized_without_epsilon, {.dtype = DType::f64, .inputs = inputs});
    BOOST_TEST(test::within(wide.outputs[0], signs, 1e-9));
    BOOST_TEST(test::within(wide.gradients[0], std::vector(2 * count, 0.0), 1e-8));
    const auto single =
        test::evaluate(normalized_without_epsilon, {.differentiated = false, .inputs = inputs});
    const auto bounds = test::batch_norm_bounds({.src = src,
                                                 .gamma = inputs[1],
                                                 .beta = inputs[2],
                                                 .upstream = std::vector(2 * count, 0.0),
                                                 .epsilon = 1e-13});
    BOOST_TEST(test::within(single.outputs[0], wide.outputs[0], bounds.dst));
  }
}

BOOST_AUTO_TEST_SUITE_END()
