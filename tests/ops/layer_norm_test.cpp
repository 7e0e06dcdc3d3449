#include "keel/ops/layer_norm.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::throws_with;
using test::unit_roundoff;

using Vars = std::span<const Var>;
using Values = std::vector<double>;

constexpr double tiny = 1e-12;

std::vector<Var> normalized(Vars v) {
  return {layer_norm(v[0], v[1], v[2])};
}

Tensor filled(std::int64_t count, float value) {
  return Tensor::of<float>({count}, std::vector<float>(static_cast<std::size_t>(count), value));
}

std::vector<Tensor> inputs_of(const Shape& shape, double offset = 3.0) {
  const Shape features{shape[shape.rank() - 1]};
  return {random_tensor(shape, 1, 2.0, offset), random_tensor(features, 2), random_tensor(features, 3)};
}

Values transposed(const Values& matrix, std::size_t rows) {
  const auto columns = matrix.size() / rows;
  Values result(matrix.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) result[j * rows + i] = matrix[i * columns + j];
  return result;
}

struct Bounds {
  Values dst;
  Values grad_src;
  Values grad_gamma;
  Values grad_beta;
};

// Layer norm is batch norm of the transposed array without gamma and beta, which come behind it: forward they
// round xhat's product and sum, backward the upstream gradient before it comes in.
Bounds bounds_of(const std::vector<Tensor>& inputs) {
  const auto gamma = test::values(inputs[1]);
  const auto beta = test::values(inputs[2]);
  const auto src = test::values(inputs[0]);
  const auto features = gamma.size();
  const auto rows = src.size() / features;
  const auto upstream = test::values(test::upstream_gradient(inputs[0].shape()));
  Values scaled(src.size());
  for (std::size_t i = 0; i < src.size(); ++i) scaled[i] = upstream[i] * gamma[i % features];

  const Shape turned{static_cast<std::int64_t>(features), static_cast<std::int64_t>(rows)};
  Tensor turned_src{turned};
  std::ranges::transform(transposed(src, rows), turned_src.data<float>().begin(),
                         [](double value) { return static_cast<float>(value); });
  const Tensor ones = filled(turned[1], 1.0F);
  const Tensor zeros = filled(turned[1], 0.0F);
  const auto plain = test::batch_norm_bounds(
      {.src = turned_src, .gamma = ones, .beta = zeros, .upstream = transposed(scaled, rows)});
  const auto xhat_error = transposed(plain.dst, features);
  const auto xhat = transposed(
      test::evaluate(normalized, {.dtype = DType::f64,
                                  .differentiated = false,
                                  .inputs = {inputs[0], filled(turned[0], 1.0F), filled(turned[0], 0.0F)}})
          .outputs[0],
      rows);

  Bounds bounds{Values(src.size()), transposed(plain.grad_src, features), Values(features), Values(features)};
  const double sum_error = test::summation_error(static_cast<std::int64_t>(rows));
  for (std::size_t i = 0; i < src.size(); ++i) {
    const auto c = i % features;
    const double normal = std::abs(xhat[c * rows + i / features]);
    bounds.dst[i] = std::abs(gamma[c]) * xhat_error[i] +
                    2 * unit_roundoff * (std::abs(gamma[c]) * normal + std::abs(beta[c]));
    bounds.grad_gamma[c] += std::abs(upstream[i]) * (xhat_error[i] + sum_error * normal);
    bounds.grad_beta[c] += std::abs(upstream[i]) * sum_error;
  }
  return bounds;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(layer_norm_test)

// Rows 1 2 3, of mean 2 and variance 2/3, and 30 10 20, of mean 20 and variance 200/3.
BOOST_AUTO_TEST_CASE(two_samples_of_three_features_worked_by_hand) {
  const std::vector inputs{Tensor::of<float>({2, 3}, {1, 2, 3, 30, 10, 20}),
                           Tensor::of<float>({3}, {2, -1, 1}), Tensor::of<float>({3}, {0.5, 1, 0})};
  const double a = 1 / std::sqrt(2.0 / 3 + 1e-5);
  const double b = 10 / std::sqrt(200.0 / 3 + 1e-5);
  const Values expected{0.5 - 2 * a, 1, a, 0.5 + 2 * b, 1 + b, 0};
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto dst =
        test::evaluate(normalized, {.dtype = dtype, .differentiated = false, .inputs = inputs}).outputs[0];
    const double unit = dtype == DType::f32 ? unit_roundoff : 0x1p-53;
    BOOST_TEST_CONTEXT(name_of(dtype)) BOOST_TEST(test::within(dst, expected, 16 * unit * 3));
  }
}

BOOST_AUTO_TEST_CASE(it_and_its_gradients_agree_with_the_reference) {
  for (const auto& shape :
       {Shape{1, 2}, Shape{1, 16}, Shape{2, 3}, Shape{5, 20}, Shape{13, 7}, Shape{64, 128}, Shape{3, 1031},
        Shape{300, 5}, Shape{2, 3, 16}, Shape{2, 3, 5, 17}, Shape{2, 1, 3, 2, 4}, Shape{1, 2, 2, 1, 3, 8}}) {
    const auto inputs = inputs_of(shape);
    const auto actual = test::evaluate(normalized, {.inputs = inputs});
    const auto expected = test::evaluate(normalized, {.dtype = DType::f64, .inputs = inputs});
    const auto bounds = bounds_of(inputs);
    BOOST_TEST_CONTEXT(to_string(shape) << " by " << actual.implementations[0]) {
      BOOST_TEST(test::within(actual.outputs[0], expected.outputs[0], bounds.dst));
      BOOST_TEST(test::within(actual.gradients[0], expected.gradients[0], bounds.grad_src));
      BOOST_TEST(test::within(actual.gradients[1], expected.gradients[1], bounds.grad_gamma));
      BOOST_TEST(test::within(actual.gradients[2], expected.gradients[2], bounds.grad_beta));
    }
  }
}

// E[x^2] - E[x]^2 would be off by 80 % and more at 1e4.
BOOST_AUTO_TEST_CASE(the_variance_survives_a_large_mean) {
  for (const double offset : {1e3, 1e4}) {
    const auto inputs = inputs_of({5, 64}, offset);
    const auto actual = test::evaluate(normalized, {.inputs = inputs});
    const auto expected = test::evaluate(normalized, {.dtype = DType::f64, .inputs = inputs});
    BOOST_TEST(test::within(actual.outputs[0], expected.outputs[0], bounds_of(inputs).dst));
  }
}

BOOST_AUTO_TEST_CASE(every_row_comes_out_with_mean_zero_and_variance_one) {
  const auto dst =
      test::evaluate([](Vars v) { return std::vector{layer_norm(v[0], v[1], v[2], 1e-13)}; },
                     {.dtype = DType::f64,
                      .differentiated = false,
                      .inputs = {random_tensor({7, 64}, 1, 2.0, 3.0), filled(64, 1.0F), filled(64, 0.0F)}})
          .outputs[0];
  for (std::size_t row = 0; row < 7; ++row) {
    double sum = 0.0;
    double squares = 0.0;
    for (std::size_t c = row * 64; c < (row + 1) * 64; ++c) {
      sum += dst[c];
      squares += dst[c] * dst[c];
    }
    BOOST_TEST(std::abs(sum) < 64 * tiny);
    BOOST_TEST(std::abs(squares - 64) < 64 * tiny);
  }
}

BOOST_AUTO_TEST_CASE(the_gradient_of_a_row_adds_up_to_zero) {
  for (const auto& shape : {Shape{2, 3}, Shape{13, 7}, Shape{5, 128}}) {
    const auto inputs = inputs_of(shape);
    const auto columns = static_cast<std::size_t>(shape[1]);
    const auto allowed = bounds_of(inputs).grad_src;
    for (const auto dtype : {DType::f32, DType::f64}) {
      const auto gradient = test::evaluate(normalized, {.dtype = dtype, .inputs = inputs}).gradients[0];
      for (std::size_t row = 0; row < gradient.size(); row += columns) {
        double sum = 0.0;
        double bound = tiny;
        for (std::size_t i = row; i < row + columns; ++i) {
          sum += gradient[i];
          if (dtype == DType::f32) bound += allowed[i];
        }
        BOOST_TEST(std::abs(sum) < bound);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(samples_do_not_depend_on_each_other) {
  const auto inputs = inputs_of({6, 20});
  const Tensor first = Tensor::of<float>({1, 20}, std::span<const float>{inputs[0].data<float>().first(20)});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto dst = [&](const Tensor& src) {
      return test::evaluate(normalized,
                            {.dtype = dtype, .differentiated = false, .inputs = {src, inputs[1], inputs[2]}})
          .outputs[0];
    };
    const auto together = dst(inputs[0]);
    BOOST_TEST(Values(together.begin(), together.begin() + 20) == dst(first),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_constant_row_gives_beta_and_finite_gradients) {
  for (const std::int64_t features : {1, 7, 16, 20}) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      const std::vector inputs{Tensor{Shape{3, features}}, random_tensor({features}, 2),
                               random_tensor({features}, 3)};
      const auto result = test::evaluate(normalized, {.dtype = dtype, .inputs = inputs});
      const auto beta = test::values(inputs[2]);
      for (std::size_t i = 0; i < result.outputs[0].size(); ++i)
        BOOST_TEST(result.outputs[0][i] == beta[i % beta.size()]);
      for (const auto& gradient : result.gradients)
        BOOST_TEST(std::ranges::all_of(gradient, [](double value) { return std::isfinite(value); }));
    }
  }
}

BOOST_AUTO_TEST_CASE(shapes_and_types_that_do_not_fit_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input(Shape{5, 4});
  const Var four = tape.input(Shape{4});
  const Var five = tape.input(Shape{5});
  const std::string line = "layer_norm_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { layer_norm(src, five, four); };
  BOOST_TEST(throws_with<ShapeError>(call, {"layer_norm(", "gamma must be (4), not (5)", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { layer_norm(src, four, five); }, {"beta must be (4), not (5)"}));
  for (const double epsilon : {-1e-5, std::numeric_limits<double>::quiet_NaN()})
    BOOST_TEST(
        throws_with<ShapeError>([&] { layer_norm(src, four, four, epsilon); }, {"epsilon must be 0 or"}));
  BOOST_TEST(throws_with<ShapeError>([&] { layer_norm(four, four, four); },
                                     {"src must have 2 axes or more, the last one of features, not be (4)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { layer_norm(src, tape.input(Shape{4}, DType::f64), four); },
                                     {"f32 and f64"}));
}

BOOST_AUTO_TEST_SUITE_END()
