// Normalization of values whose variance no f32 holds, though every result is an ordinary number.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/layer_norm.hpp"

namespace {

using namespace keel;
using Vars = std::span<const Var>;

// Of the largest of them.
void check_close(const std::vector<double>& actual, const std::vector<double>& expected, double scale) {
  double largest = 0.0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  BOOST_TEST(largest > 0.0);
  BOOST_TEST(test::within(actual, expected, scale * largest));
}

// Relative to the largest result, as each sum cancels; 1e-4 where the derivative itself is a denormal number.
void check_against_f64(const test::Function& function, const Shape& shape, const Shape& features) {
  for (const double spread : {1e-23, 1e-16, 1.0, 1e18, 1e20, 1e25, 1e32, 5e37}) {
    BOOST_TEST_CONTEXT("a spread of " << spread << " in " << to_string(shape)) {
      const std::vector inputs{test::random_tensor(shape, 1, spread, spread),
                               test::random_tensor(features, 2), test::random_tensor(features, 3)};
      const auto actual = test::evaluate(function, {.inputs = inputs});
      const auto expected = test::evaluate(function, {.dtype = DType::f64, .inputs = inputs});
      check_close(actual.outputs[0], expected.outputs[0], 1e-5);
      check_close(actual.gradients[0], expected.gradients[0], spread > 1e36 ? 1e-4 : 1e-5);
      check_close(actual.gradients[1], expected.gradients[1], 1e-5);
      check_close(actual.gradients[2], expected.gradients[2], 1e-5);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wide_spread_test)

BOOST_AUTO_TEST_CASE(batch_norm_and_its_gradients) {
  const auto normalized = [](Vars v) { return std::vector{batch_norm_training(v[0], v[1], v[2], 0.0).dst}; };
  check_against_f64(normalized, {9, 3}, {3});
  check_against_f64(normalized, {64, 40}, {40});
  check_against_f64(normalized, {5, 3, 4, 5}, {3});
}

// The gradient through the batch's mean joins that through dst, and does not take its place.
BOOST_AUTO_TEST_CASE(batch_norm_and_its_gradients_where_the_mean_is_used_too) {
  for (const double spread : {1.0, 1e20, 1e25, 1e32}) {
    BOOST_TEST_CONTEXT("a spread of " << spread) {
      const auto both = [=](Vars v) {
        const auto normalized = batch_norm_training(v[0], v[1], v[2], 0.0);
        return std::vector{normalized.dst, normalized.mean * (1.0 / spread)};
      };
      const std::vector inputs{test::random_tensor({9, 3}, 1, spread, spread), test::random_tensor({3}, 2),
                               test::random_tensor({3}, 3)};
      const auto actual = test::evaluate(both, {.inputs = inputs});
      const auto expected = test::evaluate(both, {.dtype = DType::f64, .inputs = inputs});
      for (std::size_t i = 0; i < 3; ++i) check_close(actual.gradients[i], expected.gradients[i], 1e-5);
    }
  }
}

BOOST_AUTO_TEST_CASE(layer_norm_and_its_gradients) {
  const auto normalized = [](Vars v) { return std::vector{layer_norm(v[0], v[1], v[2], 0.0)}; };
  check_against_f64(normalized, {3, 9}, {9});
  check_against_f64(normalized, {7, 33}, {33});
}

BOOST_AUTO_TEST_SUITE_END()
