// The kernels of batch norm against the f64 reference, and which kernels oneDNN chooses.

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/relu.hpp"

namespace {

using namespace keel;
using test::random_tensor;

using Vars = std::span<const Var>;

std::vector<Var> trained(Vars v) {
  const auto [dst, mean, variance] = batch_norm_training(v[0], v[1], v[2]);
  return {dst, mean, variance};
}

std::vector<Var> inferred(Vars v) {
  return {batch_norm_inference(v[0], v[1], v[2], v[3], v[4])};
}

std::vector<Tensor> inputs_of(const Shape& shape) {
  const Shape features{shape[1]};
  return {random_tensor(shape, 1, 2.0, 3.0), random_tensor(features, 2), random_tensor(features, 3)};
}

Tensor positive(const Shape& shape, std::uint64_t seed) {
  Tensor tensor = random_tensor(shape, seed);
  for (auto& value : tensor.data<float>()) value = 0.1F + value * value;
  return tensor;
}

const std::vector<Shape> shapes{{2, 1},   {2, 16},  {3, 5},   {13, 7},   {7, 32},     {64, 128},
                                {64, 10}, {64, 20}, {64, 24}, {101, 31}, {1024, 1031}};

}  // namespace

BOOST_AUTO_TEST_SUITE(batch_norm_oracle_test)

BOOST_AUTO_TEST_CASE(training_and_its_gradients_agree_with_the_reference) {
  for (const auto& shape : shapes) {
    const auto inputs = inputs_of(shape);
    const auto actual = test::evaluate(trained, {.inputs = inputs});
    const auto expected = test::evaluate(trained, {.dtype = DType::f64, .inputs = inputs});
    const auto bounds = test::batch_norm_bounds({.src = inputs[0],
                                                 .gamma = inputs[1],
                                                 .beta = inputs[2],
                                                 .upstream = test::values(test::upstream_gradient(shape))});
    BOOST_TEST_CONTEXT(to_string(shape) << " by " << actual.implementations[0]) {
      BOOST_TEST(test::within(actual.outputs[0], expected.outputs[0], bounds.dst));
      BOOST_TEST(test::within(actual.outputs[1], expected.outputs[1], bounds.mean));
      BOOST_TEST(test::within(actual.outputs[2], expected.outputs[2], bounds.variance));
      BOOST_TEST(test::within(actual.gradients[0], expected.gradients[0], bounds.grad_src));
      BOOST_TEST(test::within(actual.gradients[1], expected.gradients[1], bounds.grad_gamma));
      BOOST_TEST(test::within(actual.gradients[2], expected.gradients[2], bounds.grad_beta));
    }
  }
}

BOOST_AUTO_TEST_CASE(inference_and_its_gradients_agree_with_the_reference) {
  std::vector<Shape> with_single_rows = shapes;
  with_single_rows.insert(with_single_rows.end(), {Shape{1, 1}, Shape{1, 16}, Shape{1, 10}});
  for (const auto& shape : with_single_rows) {
    const Shape features{shape[1]};
    auto inputs = inputs_of(shape);
    inputs.insert(inputs.end(), {random_tensor(features, 4), positive(features, 5)});
    const auto actual = test::evaluate(inferred, {.inputs = inputs, .frozen = {3, 4}});
    const auto expected = test::evaluate(inferred, {.dtype = DType::f64, .inputs = inputs, .frozen = {3, 4}});
    const auto bounds = test::batch_norm_bounds({.src = inputs[0],
                                                 .gamma = inputs[1],
                                                 .beta = inputs[2],
                                                 .upstream = test::values(test::upstream_gradient(shape)),
                                                 .mean = inputs[3],
                                                 .variance = inputs[4]});
    BOOST_TEST_CONTEXT(to_string(shape) << " by " << actual.implementations[0]) {
      BOOST_TEST(test::within(actual.outputs[0], expected.outputs[0], bounds.dst));
      BOOST_TEST(test::within(actual.gradients[0], expected.gradients[0], bounds.grad_src));
      BOOST_TEST(test::within(actual.gradients[1], expected.gradients[1], bounds.grad_gamma));
      BOOST_TEST(test::within(actual.gradients[2], expected.gradients[2], bounds.grad_beta));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
