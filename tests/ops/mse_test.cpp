#include "keel/ops/mse.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::unit_roundoff;

using Vars = std::span<const Var>;

std::vector<Var> function(Vars v) {
  return {mse(v[0], v[1])};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mse_test)

BOOST_AUTO_TEST_CASE(it_is_the_mean_of_squared_differences) {
  const Tensor prediction = Tensor::of<float>({2, 2}, {1, 2, 3, 5});
  const Tensor target = Tensor::of<float>({2, 2}, {1, 1, 5, 1});
  const auto g = test::values(test::upstream_gradient(Shape{}))[0];
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate(function, {.dtype = dtype, .inputs = {prediction, target}});
    BOOST_TEST(result.outputs[0] == std::vector<double>{21.0 / 4}, boost::test_tools::per_element());
    // 2 (prediction - target) / 4, all powers of two
    BOOST_TEST(result.gradients[0] == (std::vector<double>{0, g / 2, -g, 2 * g}),
               boost::test_tools::per_element());
    BOOST_TEST(result.gradients[1] == (std::vector<double>{0, -g / 2, g, -2 * g}),
               boost::test_tools::per_element());
  }
}

// The loss is a sum without cancellation, of terms of three roundings; the mean divides, which is one more,
// and so has each element of a gradient, g / n * 2 (p - t), at most four.
BOOST_AUTO_TEST_CASE(it_and_its_gradient_agree_with_the_reference) {
  for (const auto& shape :
       {Shape{}, Shape{1}, Shape{7}, Shape{13, 31}, Shape{2, 3, 5, 1}, Shape{64, 128}, Shape{1024, 1031}}) {
    const std::vector inputs{test::random_tensor(shape, 1), test::random_tensor(shape, 2)};
    const auto actual = test::evaluate(function, {.inputs = inputs});
    const auto expected = test::evaluate(function, {.dtype = DType::f64, .inputs = inputs});
    BOOST_TEST_CONTEXT(to_string(shape)) {
      const double relative = test::summation_error(shape.elements()) + 4 * unit_roundoff;
      BOOST_TEST(test::within(actual.outputs[0], expected.outputs[0], relative * expected.outputs[0][0]));
      for (std::size_t i = 0; i < 2; ++i) {
        std::vector<double> bounds;
        for (const double value : expected.gradients[i])
          bounds.push_back(4.01 * unit_roundoff * std::abs(value));
        BOOST_TEST(test::within(actual.gradients[i], expected.gradients[i], bounds));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_would_broadcast_are_refused_with_the_caller_s_line) {
  Tape tape;
  const Var prediction = tape.input(Shape{8, 1});
  const Var target = tape.input(Shape{8});
  const std::string line = "mse_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { mse(prediction, target); };
  BOOST_TEST(test::throws_with<ShapeError>(
      call, {"mse at", line, "the prediction is f32 (8, 1) but the target is f32 (8)", "one shape"}));
}

BOOST_AUTO_TEST_CASE(labels_and_mixed_types_are_refused) {
  Tape tape;
  const Var single = tape.input(Shape{3});
  const Var wide = tape.input(Shape{3}, DType::f64);
  const Var labels = tape.input(Shape{3}, DType::s32);
  const std::string line = "mse_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { mse(single, wide); };
  BOOST_TEST(test::throws_with<ShapeError>(call, {"not f32 and f64", line}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { mse(labels, labels); }, {"f32 or f64, not s32"}));
}

BOOST_AUTO_TEST_SUITE_END()
