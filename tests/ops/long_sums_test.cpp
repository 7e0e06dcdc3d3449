// Products and convolutions whose sums have very many terms. Of equal terms all roundings of a sum in f32 go the
// same way, so that its error grows with their number, not with the root of it.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_tensor;

using Vars = std::span<const Var>;

// Whatever the terms, the error stays below that of so many random ones.
constexpr std::int64_t longest = 4096;

Tensor constant(const Shape& shape, float value) {
  Tensor tensor{shape};
  std::ranges::fill(tensor.data<float>(), value);
  return tensor;
}

// Checks `function` of constants, of values with an offset, and of random signs, on one and two threads.
void check(const std::string& name, const test::Function& function, const std::vector<Shape>& shapes,
           std::int64_t terms) {
  for (const int threads : {1, 2}) {
    const ThreadLimit limit{threads};
    for (const std::string kind : {"0.1", "1.1", "an offset", "random signs"}) {
      std::vector<Tensor> inputs;
      for (const auto& shape : shapes) {
        const auto seed = inputs.size() + 1;
        if (kind == "random signs") inputs.push_back(random_tensor(shape, seed));
        if (kind == "an offset") inputs.push_back(random_tensor(shape, seed, 1.0, 100.0));
        if (kind == "0.1" || kind == "1.1") inputs.push_back(constant(shape, std::stof(kind)));
      }
      BOOST_TEST_CONTEXT(name << " of " << kind << " on " << threads << " threads")
      test::check_sums_of_products(function, inputs, std::min(terms, longest));
    }
  }
}

std::vector<std::string> implementations(const test::Function& function, const std::vector<Shape>& shapes) {
  std::vector<Tensor> inputs;
  for (const auto& shape : shapes) inputs.push_back(random_tensor(shape, 1));
  return test::evaluate(function, {.inputs = inputs}).implementations;
}

bool is_in_parts(const std::string& implementation) {
  return implementation.ends_with(" in parts");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(long_sums_test)

BOOST_AUTO_TEST_CASE(products_over_a_long_inner_extent) {
  for (const bool src : {false, true}) {
    for (const bool weights : {false, true}) {
      for (const std::int64_t inner : {600, 4096, 4097, 30011}) {
        const auto function = [&](Vars v) { return std::vector{matmul(v[0], v[1], {src, weights})}; };
        const auto shapes = [&](std::int64_t rows, std::int64_t columns) {
          return std::vector{src ? Shape{inner, rows} : Shape{rows, inner},
                             weights ? Shape{columns, inner} : Shape{inner, columns}};
        };
        const auto name = "inner extent " + std::to_string(inner);
        check(name, function, shapes(3, 5), inner);
        check(name, function, shapes(1, 4), inner);
        check(name, function, shapes(4, 1), inner);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(batches_of_products_over_a_long_inner_extent) {
  const auto function = [](Vars v) { return std::vector{matmul(v[0], v[1])}; };
  check("both batched", function, {{2, 3, 5000}, {2, 5000, 4}}, 5000);
  check("one matrix for all", function, {{3, 5000, 2}, {2, 4}}, 15000);
  check("one matrix on the left", function, {{3, 5000}, {2, 5000, 4}}, 5000);
}

BOOST_AUTO_TEST_CASE(linear_layers_of_many_features_and_of_tall_batches) {
  const auto function = [](Vars v) { return std::vector{linear(v[0], v[1], v[2])}; };
  for (const std::int64_t rows : {1, 8, 20})
    check("features", function, {{rows, 9000}, {3, 9000}, {3}}, 9001);
  const auto product = [](Vars v) { return std::vector{linear(v[0], v[1])}; };
  check("rows", product, {{20000, 4}, {3, 4}}, 20000);
}

BOOST_AUTO_TEST_CASE(a_product_over_millions) {
  const auto function = [](Vars v) { return std::vector{matmul(v[0], v[1], {.src = true})}; };
  for (const float value : {0.1F, 0.7F}) {
    for (const std::int64_t columns : {1, 2}) {
      const std::int64_t inner = 3'000'000;
      const auto result = test::evaluate(
          function, {.differentiated = false,
                     .inputs = {constant({inner, columns}, value), constant({inner, columns}, 1.0F)}});
      const auto exact = static_cast<double>(value) * static_cast<double>(inner);
      BOOST_TEST(test::within(result.outputs[0], std::vector<double>(result.outputs[0].size(), exact),
                              test::summation_error(longest) * exact));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_relu_behind_a_long_sum_keeps_nan) {
  Tensor src = constant({10, 5000}, 1.0F);
  src.data<float>()[0] = std::nanf("");
  const Tensor weights = constant({2, 5000}, -1.0F);
  const auto result = test::evaluate(
      [](Vars v) {
        return std::vector{matmul(v[0], v[1], {false, true})};
      },
      {.fused = true, .differentiated = false, .inputs = {src, weights}});
  BOOST_TEST(std::isnan(result.outputs[0][0]));
  BOOST_TEST(result.outputs[0][2] == -5000.0);
}

BOOST_AUTO_TEST_CASE(gradients_of_a_convolution_over_many_positions) {
  struct Case {
    Shape src;
    Shape weights;
    Conv2dOptions options = {};
  };
  const std::vector<Case> cases{{{70, 1, 14, 15}, {3, 1, 3, 3}, {.padding = 1}},
                                {{3, 2, 90, 70}, {2, 2, 3, 3}, {.padding = {1, 0}}},
                                {{1, 3, 99, 65}, {9, 3, 2, 3}, {.stride = 2, .padding = 1}},
                                {{2, 1, 61, 60}, {1, 1, 3, 1}, {.stride = {3, 1}, .padding = {2, 0}}},
                                {{5, 2, 40, 41}, {3, 2, 1, 1}},
                                {{5, 2, 80, 81}, {17, 2, 1, 1}, {.stride = 2}},
                                {{3, 1, 40, 40}, {2, 1, 1, 1}, {.padding = 2}},
                                {{600, 1, 1, 1}, {1, 1, 1, 1}}};
  for (const auto& of : cases) {
    const auto function = [&](Vars v) { return std::vector{conv2d(v[0], v[1], v[2], of.options)}; };
    const auto positions =
        of.src.elements() / of.src[1] / (of.options.stride.height * of.options.stride.width);
    check(to_string(of.src) + " with " + to_string(of.weights), function,
          {of.src, of.weights, {of.weights[0]}}, positions);
  }
}

BOOST_AUTO_TEST_CASE(gradients_of_a_convolution_in_parts_have_the_same_bits_on_any_number_of_threads) {
  struct Case {
    Shape src;
    Shape weights;
    Conv2dOptions options = {};
  };
  const std::vector<Case> cases{{{64, 1, 28, 28}, {16, 1, 3, 3}, {.padding = 1}},
                                {{3, 8, 64, 64}, {16, 8, 3, 3}, {.padding = 1}},
                                {{16, 64, 14, 14}, {256, 64, 3, 3}, {.padding = 1}}};
  for (const auto& of : cases) {
    const auto function = [&](Vars v) { return std::vector{conv2d(v[0], v[1], v[2], of.options)}; };
    const auto gradients = [&](int threads) {
      const ThreadLimit limit{threads};
      const auto result =
          test::evaluate(function, {.inputs = {random_tensor(of.src, 1), random_tensor(of.weights, 2),
                                               random_tensor({of.weights[0]}, 3)}});
      BOOST_TEST(std::ranges::count_if(result.implementations, is_in_parts) == 1);
      return std::vector{result.gradients[1], result.gradients[2]};
    };
    const auto alone = gradients(1);
    for (const int threads : {2, 3, 5})
      BOOST_TEST((gradients(threads) == alone), to_string(of.src) << " on " << threads << " threads");
  }
}

BOOST_AUTO_TEST_CASE(a_tall_batch_s_product_goes_into_the_velocity_without_drifting) {
  const std::int64_t rows = 200'000;
  const Tensor weights{Shape{2, 3}};
  Tape tape;
  const Var parameter = tape.stored(weights);
  const Var loss = sum(linear(tape.stored(constant({rows, 3}, 0.1F)), parameter));
  Sgd sgd{{.learning_rate = 1.0, .momentum = 0.5}};
  const auto grads = gradients(loss, std::array{parameter});
  sgd.update(std::array{parameter}, grads);
  Plan plan{tape, std::array{loss}, {.rules = fusion_rules()}};
  bool found = false;
  for (const auto& step : plan.steps())
    found = found || (step.node.op->name() == "matmul+velocity" && is_in_parts(step.implementation));
  BOOST_TEST(found);
  plan.run();
  plan.run();
  const double grad = static_cast<double>(0.1F) * static_cast<double>(rows);
  BOOST_TEST(test::within(test::values(weights), std::vector<double>(6, -2.5 * grad),
                          2.5 * grad * test::summation_error(longest)));
}

BOOST_AUTO_TEST_CASE(products_of_a_training_step_are_single_primitives) {
  for (const std::int64_t batch : {64, 128, 256}) {
    const auto function = [](Vars v) {
      return std::vector{linear(relu(linear(v[0], v[1], v[2])), v[3], v[4])};
    };
    const auto found = implementations(function, {{batch, 784}, {128, 784}, {128}, {10, 128}, {10}});
    for (const auto& implementation : found) BOOST_TEST(!is_in_parts(implementation), implementation);
  }
  const auto tall =
      implementations([](Vars v) { return std::vector{linear(v[0], v[1])}; }, {{5000, 4}, {3, 4}});
  BOOST_TEST(std::ranges::count_if(tall, is_in_parts) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
