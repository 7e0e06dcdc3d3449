#include "keel/ops/arithmetic.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/accumulate.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using boost::test_tools::per_element;
using test::random_tensors;
using test::throws_with;

using Vars = std::span<const Var>;

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Pair {
  Shape a;
  Shape b;
  std::int64_t stretched;  // how many products are summed to the gradient of an operand, at most
};

const std::vector<Pair> pairs{
    {{}, {}, 1},
    {{1}, {}, 1},
    {{7}, {7}, 1},
    {{7}, {}, 7},
    {{}, {2, 16}, 32},
    {{3, 5}, {5}, 3},
    {{5}, {3, 5}, 3},
    {{3, 16}, {3, 1}, 16},
    {{3, 1}, {1, 16}, 16},             // both stretch
    {{2, 1, 5}, {3, 1}, 5},            // both, of different ranks
    {{4, 1, 6, 1}, {1, 5, 1, 7}, 35},  // both, alternating
    {{2, 3, 4}, {1, 3, 1}, 8},
    {{1, 3, 1}, {2, 3, 4}, 8},
    {{4, 3, 2, 5}, {4, 1, 1, 1}, 30},
    {{4, 3, 2, 5}, {1, 3, 1, 1}, 40},
    {{3, 1, 1}, {4, 3, 2, 5}, 40},
    {{4, 3, 2, 5}, {4, 1, 2, 1}, 15},  // one operand, alternating
    {{64, 128}, {128}, 64},
    {{1, 2, 1, 2, 1, 2}, {2, 1, 2, 1, 2, 1}, 8},  // the highest rank
    {{1024, 1031}, {1024, 1031}, 1},
    {{1024, 1031}, {1031}, 1024},
    {{1024, 1}, {1031}, 1031},
};

// The four operations are correctly rounded, in f32 too, and the larger of two is one of them: rounding the
// f64 result gives the f32 one to the last bit, as f64 has more than twice its digits. Gradients are sums of
// at most `stretched` terms, each of a few roundings; `magnitude` is a function whose gradients under
// absolute values are the sums of these terms' absolute values, or more.
void check(const test::Function& function, const test::Function& magnitude, const Pair& shapes) {
  const auto inputs = random_tensors({shapes.a, shapes.b});
  const auto actual = test::evaluate(function, {.inputs = inputs});
  const auto expected = test::evaluate(function, {.dtype = DType::f64, .inputs = inputs});
  const auto terms = test::evaluate(magnitude, {.dtype = DType::f64, .absolute = true, .inputs = inputs});
  std::vector<double> rounded;
  for (const double value : expected.outputs[0]) rounded.push_back(static_cast<float>(value));
  BOOST_TEST(test::within(actual.outputs[0], rounded, 0.0));
  for (std::size_t i = 0; i < 2; ++i) {
    std::vector<double> bounds;
    for (const double term : terms.gradients[i])
      bounds.push_back(test::summation_error(shapes.stretched) * std::abs(term));
    BOOST_TEST_CONTEXT("gradient of operand " << i)
    BOOST_TEST(test::within(actual.gradients[i], expected.gradients[i], bounds));
  }
  for (std::size_t i = 0; i < actual.steps.size(); ++i) {
    if (actual.steps[i] == "sum_to") continue;
    BOOST_TEST(!actual.implementations[i].starts_with("ref"), actual.steps[i] << " is oneDNN's slow one");
  }
}

std::vector<Var> sum(Vars v) {
  return {v[0] + v[1]};
}
std::vector<Var> difference(Vars v) {
  return {v[0] - v[1]};
}
std::vector<Var> product(Vars v) {
  return {v[0] * v[1]};
}
std::vector<Var> quotient(Vars v) {
  return {v[0] / v[1]};
}
std::vector<Var> larger(Vars v) {
  return {maximum(v[0], v[1])};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(arithmetic_test)

BOOST_AUTO_TEST_CASE(all_kinds_agree_with_the_reference) {
  for (const auto& shapes : pairs) {
    BOOST_TEST_CONTEXT(to_string(shapes.a) << " and " << to_string(shapes.b)) {
      BOOST_TEST_CONTEXT("sum") check(sum, sum, shapes);
      BOOST_TEST_CONTEXT("difference") check(difference, sum, shapes);
      BOOST_TEST_CONTEXT("product") check(product, product, shapes);
      BOOST_TEST_CONTEXT("quotient") check(quotient, quotient, shapes);
      BOOST_TEST_CONTEXT("maximum") check(larger, sum, shapes);
    }
  }
}

BOOST_AUTO_TEST_CASE(operands_are_not_exchanged) {
  const Tensor column = Tensor::of<float>({2, 1}, {12, 24});
  const Tensor row = Tensor::of<float>({3}, {1, 2, 4});
  const Tensor matrix = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 6, 8});
  const auto values = [](const Tensor& a, const Tensor& b, const test::Function& function) {
    return test::evaluate(function, {.differentiated = false, .inputs = {a, b}}).outputs[0];
  };
  using Values = std::vector<double>;
  BOOST_TEST(values(column, row, quotient) == (Values{12, 6, 3, 24, 12, 6}), per_element());
  BOOST_TEST(values(row, column, difference) == (Values{-11, -10, -8, -23, -22, -20}), per_element());
  BOOST_TEST(values(column, matrix, quotient) == (Values{12, 6, 4, 6, 4, 3}), per_element());
  BOOST_TEST(values(matrix, column, difference) == (Values{-11, -10, -9, -20, -18, -16}), per_element());
  BOOST_TEST(values(row, matrix, difference) == (Values{0, 0, 1, -3, -4, -4}), per_element());
}

BOOST_AUTO_TEST_CASE(numbers_stand_on_either_side) {
  const Tensor src = Tensor::of<float>({2, 2}, {1, 2, 4, 8});
  const test::Function function = [](Vars v) {
    return std::vector{v[0] + 1, 1.5 + v[0], v[0] - 1, 1 - v[0], v[0] * 2.0, 0.5F * v[0], v[0] / 4, 8 / v[0]};
  };
  const std::vector<std::vector<double>> expected{
      {2, 3, 5, 9},  {2.5, 3.5, 5.5, 9.5}, {0, 1, 3, 7},      {0, -1, -3, -7},
      {2, 4, 8, 16}, {0.5, 1, 2, 4},       {0.25, 0.5, 1, 2}, {8, 4, 2, 1},
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate(function, {.dtype = dtype, .inputs = {src}});
    for (std::size_t i = 0; i < expected.size(); ++i)
      BOOST_TEST(result.outputs[i] == expected[i], per_element());
  }
}

BOOST_AUTO_TEST_CASE(numbers_take_the_element_type_of_the_array) {
  const auto product_with = [](DType dtype) {
    return test::evaluate([](Vars v) { return std::vector{v[0] * 0.1}; },
                          {.dtype = dtype, .differentiated = false, .inputs = {Tensor::of<float>({}, {1})}})
        .outputs[0][0];
  };
  BOOST_TEST(product_with(DType::f32) == static_cast<double>(0.1F));
  BOOST_TEST(product_with(DType::f64) == 0.1);
}

BOOST_AUTO_TEST_CASE(a_number_costs_no_more_than_an_array) {
  const auto inputs = random_tensors({Shape{2, 3, 4, 5}});
  const auto result = test::evaluate([](Vars v) { return std::vector{v[0] * 2.0}; },
                                     {.differentiated = false, .inputs = inputs});
  BOOST_TEST(result.steps == std::vector<std::string>{"multiply"}, per_element());
  BOOST_TEST(result.implementations[0].starts_with("jit"), result.implementations[0]);
}

BOOST_AUTO_TEST_CASE(division_by_zero_is_infinite_or_nan) {
  const Tensor a = Tensor::of<float>({3}, {1, -1, 0});
  const Tensor zeros{Shape{3}};
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result =
        test::evaluate(quotient, {.dtype = dtype, .differentiated = false, .inputs = {a, zeros}}).outputs[0];
    BOOST_TEST(result[0] == infinity);
    BOOST_TEST(result[1] == -infinity);
    BOOST_TEST(std::isnan(result[2]));
  }
}

BOOST_AUTO_TEST_CASE(the_gradient_of_a_maximum_is_shared_where_both_are_equal) {
  const Tensor a = Tensor::of<float>({4}, {1, 2, 3, -0.0F});
  const Tensor b = Tensor::of<float>({4}, {2, 2, 2, 0});
  const auto g = test::values(test::upstream_gradient(Shape{4}));
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate(larger, {.dtype = dtype, .inputs = {a, b}});
    BOOST_TEST(result.outputs[0] == (std::vector<double>{2, 2, 3, 0}), per_element());
    BOOST_TEST(result.gradients[0] == (std::vector<double>{0, g[1] / 2, g[2], g[3] / 2}), per_element());
    BOOST_TEST(result.gradients[1] == (std::vector<double>{g[0], g[1] / 2, 0, g[3] / 2}), per_element());
  }
}

// The same for every kernel: of one shape, with either operand stretched, and with both.
BOOST_AUTO_TEST_CASE(a_maximum_is_nan_where_either_operand_is_and_so_are_its_gradients) {
  const Tensor numbers = Tensor::of<float>({1, 3}, {-infinity, 3, infinity});
  const auto nans = [](const Shape& shape) {
    Tensor tensor{shape};
    std::ranges::fill(tensor.data<float>(), std::numeric_limits<float>::quiet_NaN());
    return tensor;
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const auto& shape : {Shape{1, 3}, Shape{1, 1}, Shape{2, 3}, Shape{2, 1}}) {
      BOOST_TEST_CONTEXT(name_of(dtype) << ' ' << to_string(shape)) {
        for (const auto& inputs : {std::vector{nans(shape), numbers}, std::vector{numbers, nans(shape)}}) {
          const auto result = test::evaluate(larger, {.dtype = dtype, .inputs = inputs});
          for (const auto& values : {result.outputs[0], result.gradients[0], result.gradients[1]})
            BOOST_TEST(std::ranges::all_of(values, [](double value) { return std::isnan(value); }));
        }
      }
    }
  }
}

// What may be overwritten is: the results are those of a plan that keeps every value.
BOOST_AUTO_TEST_CASE(results_may_take_the_memory_of_their_first_operand) {
  const auto inputs = random_tensors({Shape{3, 5}, Shape{5}, Shape{3, 1}});
  Tape tape;
  std::vector<Var> v;
  for (const auto& input : inputs) v.push_back(tape.input(input.type()));
  const Var first = v[0] * v[1];
  const Var second = (v[1] - (first + v[2])) / first;
  const Var result = maximum(second * second - second, 1 - second);
  std::vector<std::vector<double>> results;
  std::vector<std::size_t> bytes;
  for (const bool reuse : {true, false}) {
    Plan plan{tape, std::span{&result, 1}, {.rules = {}, .reuse_memory = reuse}};
    for (std::size_t i = 0; i < v.size(); ++i) plan.bind(v[i], inputs[i]);
    plan.run();
    results.push_back(test::values(plan.output(0)));
    bytes.push_back(plan.arena_bytes());
  }
  BOOST_TEST(results[0] == results[1], per_element());
  BOOST_TEST(bytes[0] < bytes[1]);
}

BOOST_AUTO_TEST_CASE(accumulate_agrees_with_the_reference) {
  for (const auto& shape : {Shape{}, Shape{7}, Shape{3, 16}, Shape{1024, 1031}}) {
    BOOST_TEST_CONTEXT(to_string(shape))
    test::check_sums_of_products(
        [](Vars v) {
          return std::vector{accumulate(std::array{v[0], v[1], v[2], v[0]})};
        },
        random_tensors({shape, shape, shape}), 4);
  }
}

BOOST_AUTO_TEST_CASE(both_operands_stretch_as_in_an_outer_product) {
  const Tensor column = Tensor::of<float>({2, 1}, {2, 3});
  const Tensor row = Tensor::of<float>({3}, {1, 10, 100});
  const auto result = test::evaluate(
      [](Vars v) {
        return std::vector{v[0] * v[1], v[0] + v[1]};
      },
      {.differentiated = false, .inputs = {column, row}});
  BOOST_TEST(result.outputs[0] == (std::vector<double>{2, 20, 200, 3, 30, 300}), per_element());
  BOOST_TEST(result.outputs[1] == (std::vector<double>{3, 12, 102, 4, 13, 103}), per_element());
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_broadcast_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var a = tape.input(Shape{2, 3});
  const Var b = tape.input(Shape{4});
  const std::string line = "arithmetic_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { return a + b; };
  BOOST_TEST(
      throws_with<ShapeError>(call, {"add(f32 (2, 3), f32 (4))", "do not broadcast: 3 meets 4", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { return a * b; }, {"multiply(f32 (2, 3), f32 (4))"}));
  BOOST_TEST(throws_with<ShapeError>([&] { return a - b; }, {"subtract(f32 (2, 3), f32 (4))"}));
  BOOST_TEST(throws_with<ShapeError>([&] { return a / b; }, {"divide(f32 (2, 3), f32 (4))"}));
  BOOST_TEST(throws_with<ShapeError>([&] { return maximum(a, b); }, {"maximum(f32 (2, 3), f32 (4))"}));
}

BOOST_AUTO_TEST_CASE(element_types_must_be_floating_and_equal) {
  Tape tape;
  const Var single = tape.input(Shape{2});
  const Var wide = tape.input(Shape{2}, DType::f64);
  const Var labels = tape.input(Shape{2}, DType::s32);
  BOOST_TEST(throws_with<ShapeError>([&] { return single + wide; }, {"add", "not f32 and f64"}));
  BOOST_TEST(throws_with<ShapeError>([&] { return labels * labels; }, {"multiply", "f32 or f64, not s32"}));
  const std::string line = "arithmetic_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto halved = [&] { return 0.5 * labels; };
  BOOST_TEST(throws_with<ShapeError>(halved, {"multiply", "f32 or f64, not s32", line}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        accumulate(std::array{single, wide});
      },
      {"accumulate", "same shape and element type"}));
}

BOOST_AUTO_TEST_SUITE_END()
