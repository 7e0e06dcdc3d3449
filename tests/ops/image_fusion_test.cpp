// Fusion rules on images: what they make of a program, and that it computes the same.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/relu.hpp"

namespace {

using namespace keel;
using test::Evaluation;
using test::random_tensors;

using Vars = std::span<const Var>;
using Steps = std::vector<std::string>;

std::ptrdiff_t count(const Evaluation& evaluation, std::string_view step) {
  return std::ranges::count(evaluation.steps, step);
}

// Evaluates with and without the rules. Each may add up its convolutions' `terms` products in an order of its
// own, as oneDNN may choose another kernel where a ReLU follows.
Evaluation fused_like_unfused(const test::Function& function, const std::vector<Tensor>& inputs,
                              std::int64_t terms, DType dtype = DType::f32) {
  const auto evaluate = [&](bool fused) {
    return test::evaluate(function, {.dtype = dtype, .fused = fused, .inputs = inputs});
  };
  const auto unfused = evaluate(false);
  auto fused = evaluate(true);
  const auto magnitude = test::evaluate(function, {.dtype = DType::f64, .absolute = true, .inputs = inputs});
  const auto agree = [&](const std::vector<double>& a, const std::vector<double>& b,
                         std::vector<double> bounds) {
    for (auto& bound : bounds) bound *= dtype == DType::f32 ? 2 * test::summation_error(terms) : 0.0;
    return test::within(a, b, bounds);
  };
  for (std::size_t i = 0; i < unfused.outputs.size(); ++i)
    BOOST_TEST(agree(fused.outputs[i], unfused.outputs[i], magnitude.outputs[i]), "output " << i);
  for (std::size_t i = 0; i < unfused.gradients.size(); ++i)
    BOOST_TEST(agree(fused.gradients[i], unfused.gradients[i], magnitude.gradients[i]), "gradient " << i);
  return fused;
}

std::vector<Tensor> inputs_of(const Shape& src, const Shape& weights) {
  return random_tensors({src, weights, {weights[0]}});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_fusion_test)

BOOST_AUTO_TEST_CASE(conv2d_and_relu_stay_two_in_f32_and_f64) {
  const auto function = [](Vars v) {
    return std::vector{relu(conv2d(v[0], v[1], v[2], {.stride = 2, .padding = 1}))};
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t channels : {1, 3, 16, 20}) {
      const auto fused = fused_like_unfused(function, inputs_of({3, channels, 9, 8}, {16, channels, 3, 3}),
                                            9 * channels + 1, dtype);
      BOOST_TEST(count(fused, "conv2d") == 1);
      BOOST_TEST(count(fused, "relu") == 1);
      BOOST_TEST(count(fused, "relu_backward") == 1);
    }
  }
}

// The upstream gradient comes row-major, and the result goes so.
BOOST_AUTO_TEST_CASE(a_network_of_images_is_fused_throughout) {
  const auto result = test::evaluate(
      [](Vars v) {
        const Var first = relu(batch_norm_training(conv2d(v[0], v[1]), v[2], v[3]).dst);
        return std::vector{relu(conv2d(max_pool2d(first, {2}), v[4], v[5]))};
      },
      {.fused = true,
       .inputs = random_tensors({{4, 1, 12, 12}, {16, 1, 3, 3}, {16}, {16}, {20, 16, 3, 3}, {20}}),
       .frozen = {0}});
  BOOST_TEST(result.steps == (Steps{"conv2d", "batch_norm+relu", "max_pool2d", "conv2d", "relu", "reorder",
                                    "relu_backward", "conv2d_backward_data", "conv2d_backward_weights",
                                    "max_pool2d_backward", "batch_norm_backward+relu_backward",
                                    "conv2d_backward_weights", "reorder"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
