#include <array>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/accumulate.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::converted;
using test::random_tensor;

using Vars = std::span<const Var>;

// Away from zero by more than the difference's step, where ReLU has a kink.
Tensor without_zeros(const Shape& shape, std::uint64_t seed) {
  Tensor tensor = converted(random_tensor(shape, seed), DType::f64);
  for (auto& value : tensor.data<double>()) value += value < 0.0 ? -0.01 : 0.01;
  return tensor;
}

Tensor positive(const Shape& shape, std::uint64_t seed) {
  Tensor tensor = converted(random_tensor(shape, seed), DType::f64);
  for (auto& value : tensor.data<double>()) value = 0.1 + value * value;
  return tensor;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(operators_gradcheck_test)

BOOST_AUTO_TEST_CASE(matmul_under_every_transposition) {
  for (const bool src : {false, true}) {
    for (const bool weights : {false, true}) {
      const Shape a = src ? Shape{4, 3} : Shape{3, 4};
      const Shape b = weights ? Shape{5, 4} : Shape{4, 5};
      const auto report = gradcheck([&](Vars v) { return matmul(v[0], v[1], {src, weights}); }, {a, b});
      BOOST_TEST(report.ok, "transposes " << src << weights << ": " << report.text);
    }
  }
}

BOOST_AUTO_TEST_CASE(matmul_of_a_matrix_with_itself) {
  const auto report = gradcheck([](Vars v) { return matmul(v[0], v[0], {.weights = true}); }, {{3, 4}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(linear_with_and_without_bias) {
  const auto with = gradcheck([](Vars v) { return linear(v[0], v[1], v[2]); }, {{4, 3}, {5, 3}, {5}});
  BOOST_TEST(with.ok, with.text);
  const auto without = gradcheck([](Vars v) { return linear(v[0], v[1]); }, {{4, 3}, {5, 3}});
  BOOST_TEST(without.ok, without.text);
}

BOOST_AUTO_TEST_CASE(linear_with_frozen_operands) {
  for (std::size_t frozen = 0; frozen < 3; ++frozen) {
    const auto report = gradcheck([](Vars v) { return linear(v[0], v[1], v[2]); }, {{4, 3}, {5, 3}, {5}},
                                  {.frozen = {frozen, (frozen + 1) % 3}});
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(sums_and_products_of_shapes_that_broadcast) {
  const std::vector<std::array<Shape, 2>> pairs{
      {Shape{2, 3}, Shape{2, 3}},
      {Shape{2, 3}, Shape{3}},
      {Shape{3}, Shape{2, 3}},
      {Shape{2, 3}, Shape{}},
      {Shape{}, Shape{}},
      {Shape{2, 3}, Shape{2, 1}},
      {Shape{1, 3}, Shape{2, 1}},
      {Shape{4, 1, 3}, Shape{2, 1}},
      {Shape{2, 3, 4}, Shape{1, 3, 1}},
      {Shape{3, 1}, Shape{1}},
      {Shape{1, 1, 2}, Shape{3, 1, 1}},
      {Shape{1}, Shape{2, 1, 2}},
  };
  for (const auto& [a, b] : pairs) {
    const auto sum = gradcheck([](Vars v) { return v[0] + v[1]; }, {a, b});
    BOOST_TEST(sum.ok, to_string(a) << " + " << to_string(b) << ": " << sum.text);
    const auto product = gradcheck([](Vars v) { return v[0] * v[1]; }, {a, b});
    BOOST_TEST(product.ok, to_string(a) << " * " << to_string(b) << ": " << product.text);
  }
}

BOOST_AUTO_TEST_CASE(a_value_with_itself) {
  const auto sum = gradcheck([](Vars v) { return v[0] + v[0]; }, {{2, 3}});
  BOOST_TEST(sum.ok, sum.text);
  const auto square = gradcheck([](Vars v) { return v[0] * v[0]; }, {{2, 3}});
  BOOST_TEST(square.ok, square.text);
}

BOOST_AUTO_TEST_CASE(relu_away_from_zero) {
  const auto report =
      gradcheck([](Vars v) { return relu(v[0]); }, {{5, 7}}, {.inputs = {without_zeros({5, 7}, 1)}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(batch_norm_by_the_statistics_of_the_batch) {
  for (const auto& shape : {Shape{2, 3}, Shape{5, 4}, Shape{7, 1}}) {
    const Shape features{shape[1]};
    const auto report = gradcheck([](Vars v) { return batch_norm_training(v[0], v[1], v[2]).dst; },
                                  {shape, features, features});
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_by_given_statistics) {
  for (const auto& shape : {Shape{1, 3}, Shape{5, 4}}) {
    const Shape features{shape[1]};
    const GradcheckOptions options{
        .mode = Mode::inference,
        .inputs = {converted(random_tensor(shape, 1), DType::f64),
                   converted(random_tensor(features, 2), DType::f64),
                   converted(random_tensor(features, 3), DType::f64),
                   converted(random_tensor(features, 4), DType::f64), positive(features, 5)},
        .frozen = {3, 4}};
    const auto report = gradcheck([](Vars v) { return batch_norm_inference(v[0], v[1], v[2], v[3], v[4]); },
                                  std::span<Shape>{}, options);
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(log_softmax_of_any_rank) {
  for (const auto& shape : {Shape{5}, Shape{4, 3}, Shape{2, 3, 4}, Shape{3, 1}}) {
    const auto report = gradcheck([](Vars v) { return log_softmax(v[0]); }, {shape});
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(nll_and_cross_entropy) {
  const GradcheckOptions options{
      .inputs = {converted(random_tensor({6, 4}, 1), DType::f64), test::random_labels(6, 4)}};
  const auto likelihood = gradcheck([](Vars v) { return nll(v[0], v[1]); }, std::span<Shape>{}, options);
  BOOST_TEST(likelihood.ok, likelihood.text);
  const auto entropy =
      gradcheck([](Vars v) { return cross_entropy(v[0], v[1]); }, std::span<Shape>{}, options);
  BOOST_TEST(entropy.ok, entropy.text);
}

BOOST_AUTO_TEST_CASE(mean_of_any_rank) {
  for (const auto& shape : {Shape{}, Shape{1}, Shape{5}, Shape{3, 4}, Shape{2, 3, 4}}) {
    const auto report = gradcheck([](Vars v) { return mean(v[0]); }, {shape});
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(sum_to_and_broadcast_to) {
  const std::vector<std::array<Shape, 2>> pairs{
      {Shape{2, 3}, Shape{3}},          {Shape{2, 3}, Shape{2, 1}}, {Shape{2, 3}, Shape{}},
      {Shape{2, 3, 4}, Shape{3, 1}},    {Shape{2, 3}, Shape{2, 3}}, {Shape{1, 3}, Shape{3}},
      {Shape{2, 3, 4}, Shape{1, 3, 1}}, {Shape{4, 1}, Shape{1}},
  };
  for (const auto& [large, small] : pairs) {
    const auto summed = gradcheck([&to = small](Vars v) { return sum_to(v[0] * v[0], to); }, {large});
    BOOST_TEST(summed.ok, to_string(large) << " to " << to_string(small) << ": " << summed.text);
    const auto stretched = gradcheck([&to = large](Vars v) { return broadcast_to(v[0], to); }, {small});
    BOOST_TEST(stretched.ok, to_string(small) << " to " << to_string(large) << ": " << stretched.text);
  }
}

BOOST_AUTO_TEST_CASE(accumulate_of_several_values) {
  const auto report = gradcheck(
      [](Vars v) {
        return accumulate(std::array{v[0], v[1], v[2], v[1]});
      },
      {{2, 3}, {2, 3}, {2, 3}});
  BOOST_TEST(report.ok, report.text);
}

// The gradient of x arrives as [g, masked g, g], the first of which the sum may overwrite.
BOOST_AUTO_TEST_CASE(one_gradient_that_arrives_twice_with_another_in_between) {
  const auto report = gradcheck(
      [](Vars v) {
        const Var early = v[0] + v[1];
        const Var late = relu(v[0]);
        return mean((early + late) + v[0]);
      },
      {{2, 3}, {2, 3}}, {.inputs = {without_zeros({2, 3}, 1)}, .frozen = {1}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(derivatives_of_derivatives) {
  const auto report = gradcheck(
      [](Vars v) {
        const Var loss = mean(matmul(v[0], v[1]) * v[2]);
        return gradients(loss, v.first(1))[0] * v[0];
      },
      {{3, 4}, {4, 5}, {5}});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(a_whole_network) {
  const GradcheckOptions options{.inputs = {
                                     converted(random_tensor({6, 5}, 1), DType::f64),
                                     converted(random_tensor({4, 5}, 2), DType::f64),
                                     converted(random_tensor({4}, 3), DType::f64),
                                     converted(random_tensor({4}, 4), DType::f64),
                                     converted(random_tensor({3, 4}, 5), DType::f64),
                                     converted(random_tensor({3}, 6), DType::f64),
                                     test::random_labels(6, 3),
                                 }};
  const auto report = gradcheck(
      [](Vars v) {
        const Var hidden = relu(batch_norm_training(linear(v[0], v[1]), v[2], v[3]).dst);
        return cross_entropy(linear(hidden, v[4], v[5]), v[6]);
      },
      std::span<Shape>{}, options);
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_SUITE_END()
