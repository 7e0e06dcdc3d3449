// Gradients of gradients: every operator's derivative is differentiated itself and held against differences.

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
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

}  // namespace

BOOST_AUTO_TEST_SUITE(higher_derivatives_test)

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
