#include "keel/ops/batch_norm.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::throws_with;
using test::unit_roundoff;

using Vars = std::span<const Var>;

std::vector<Var> trained(Vars v) {
  const auto [dst, mean, variance] = batch_norm_training(v[0], v[1], v[2]);
  return {dst, mean, variance};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(batch_norm_test)

// First feature: mean 2, variance (1 + 0 + 1) / 3; second: mean 20, variance (100 + 100 + 0) / 3.
BOOST_AUTO_TEST_CASE(three_samples_of_two_features_worked_by_hand) {
  const Tensor src = Tensor::of<float>({3, 2}, {1, 30, 2, 10, 3, 20});
  const Tensor gamma = Tensor::of<float>({2}, {2, -1});
  const Tensor beta = Tensor::of<float>({2}, {0.5, 1});
  const double a = 1 / std::sqrt(2.0 / 3 + 1e-5);
  const double b = 10 / std::sqrt(200.0 / 3 + 1e-5);
  const std::vector expected{0.5 - 2 * a, 1 - b, 0.5, 1 + b, 0.5 + 2 * a, 1.0};
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result =
        test::evaluate(trained, {.dtype = dtype, .differentiated = false, .inputs = {src, gamma, beta}});
    const double unit = dtype == DType::f32 ? unit_roundoff : 0x1p-53;
    BOOST_TEST_CONTEXT(name_of(dtype)) {
      BOOST_TEST(test::within(result.outputs[0], expected, 16 * unit * 3));
      BOOST_TEST(test::within(result.outputs[1], std::vector<double>{2, 20}, 20 * 4 * unit));
      BOOST_TEST(test::within(result.outputs[2], std::vector<double>{2.0 / 3, 200.0 / 3}, 67 * 8 * unit));
    }
  }
}

// E[x^2] - E[x]^2 would be off by 80 % and more here, and two passes by the square of the mean's own rounding
// error, if that was taken in f32: 4e-5 for 512 samples around 10,000. dst and the gradients see the mean as
// well.
BOOST_AUTO_TEST_CASE(a_large_mean_costs_no_digits) {
  for (const double offset : {1e3, 1e4, 1e6}) {
    for (const auto& shape :
         {Shape{64, 16}, Shape{64, 10}, Shape{64, 20}, Shape{64, 1}, Shape{512, 16}, Shape{4096, 16}}) {
      const Shape features{shape[1]};
      const std::vector inputs{random_tensor(shape, 1, 1.0, offset), random_tensor(features, 2),
                               random_tensor(features, 3)};
      const auto actual = test::evaluate(trained, {.inputs = inputs});
      const auto expected = test::evaluate(trained, {.dtype = DType::f64, .inputs = inputs});
      BOOST_TEST_CONTEXT(to_string(shape) << ", offset " << offset) {
        for (std::size_t c = 0; c < expected.outputs[2].size(); ++c)
          BOOST_TEST(std::abs(actual.outputs[2][c] / expected.outputs[2][c] - 1) < 1e-6);
        BOOST_TEST(test::within(actual.outputs[0], expected.outputs[0], 5e-6));
        BOOST_TEST(test::within(actual.gradients[0], expected.gradients[0], 5e-6));
        // A sum of as many terms as there are samples, each of them up to 3.
        for (const std::size_t i : {1U, 2U})
          BOOST_TEST(
              test::within(actual.gradients[i], expected.gradients[i], 1e-6 * static_cast<double>(shape[0])));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_constant_feature_gives_beta_and_finite_gradients) {
  for (const std::int64_t features : {16, 10, 20}) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      const std::vector inputs{Tensor{Shape{8, features}}, random_tensor({features}, 2),
                               random_tensor({features}, 3)};
      const auto result = test::evaluate(trained, {.dtype = dtype, .inputs = inputs});
      const auto beta = test::values(inputs[2]);
      const auto count = static_cast<std::size_t>(features);
      for (std::size_t i = 0; i < result.outputs[0].size(); ++i)
        BOOST_TEST(result.outputs[0][i] == beta[i % count]);
      BOOST_TEST(result.outputs[2] == std::vector<double>(count, 0.0), boost::test_tools::per_element());
      for (const auto& gradient : result.gradients)
        BOOST_TEST(std::ranges::all_of(gradient, [](double value) { return std::isfinite(value); }));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_batch_of_one_is_refused_in_training_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{1, 4});
  const Var gamma = tape.input(Shape{4});
  const std::string line = "batch_norm_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { batch_norm_training(src, gamma, gamma); };
  BOOST_TEST(throws_with<ShapeError>(call, {"batch_norm(f32 (1, 4), f32 (4), f32 (4))", line,
                                            "needs more than one sample", "drop the batch of one"}));
  BOOST_CHECK_NO_THROW(batch_norm_inference(src, gamma, gamma, gamma, gamma));
}

BOOST_AUTO_TEST_CASE(shapes_and_types_that_do_not_fit_are_named) {
  Tape tape;
  const Var src = tape.input(Shape{5, 4});
  const Var four = tape.input(Shape{4});
  const Var three = tape.input(Shape{3});
  const Var features = tape.input(Shape{4});
  const Var wide = tape.input(Shape{4}, DType::f64);
  const std::string line = "batch_norm_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { batch_norm_training(src, three, four); };
  BOOST_TEST(throws_with<ShapeError>(call, {"batch_norm(", "gamma must be (4), not (3)", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { batch_norm_training(src, four, three); }, {"beta must be (4)"}));
  for (const double epsilon : {-1e-5, std::numeric_limits<double>::infinity()}) {
    BOOST_TEST(throws_with<ShapeError>([&] { batch_norm_training(src, four, four, epsilon); },
                                       {"epsilon must be 0 or a positive number"}));
    BOOST_TEST(throws_with<ShapeError>([&] { batch_norm_inference(src, four, four, four, four, epsilon); },
                                       {"epsilon must be 0 or a positive number"}));
  }
  BOOST_TEST(throws_with<ShapeError>(
      [&] { batch_norm_training(features, four, four); },
      {"src must have 2 axes (N, C) or more, (N, C, H, W) for one, not 1 as in (4)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { batch_norm_training(src, wide, four); }, {"f32 and f64"}));
  BOOST_TEST(throws_with<ShapeError>([&] { batch_norm_inference(src, four, four, three, four); },
                                     {"mean must be (4), not (3)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { batch_norm_inference(src, four, four, four, three); },
                                     {"variance must be (4), not (3)"}));
}

BOOST_AUTO_TEST_SUITE_END()
