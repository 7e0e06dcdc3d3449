#include "keel/ops/arithmetic.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/accumulate.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensors;
using test::throws_with;

using Vars = std::span<const Var>;

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
    {{64, 128}, {128}, 64},
    {{1, 2, 1, 2, 1, 2}, {2, 1, 2, 1, 2, 1}, 8},  // the highest rank
    {{1024, 1031}, {1024, 1031}, 1},
    {{1024, 1031}, {1031}, 1024},
    {{1024, 1}, {1031}, 1031},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(arithmetic_test)

BOOST_AUTO_TEST_CASE(sums_agree_with_the_reference) {
  for (const auto& [a, b, stretched] : pairs) {
    BOOST_TEST_CONTEXT(to_string(a) << " + " << to_string(b))
    test::check_sums_of_products([](Vars v) { return std::vector{v[0] + v[1]}; }, random_tensors({a, b}),
                                 stretched);
  }
}

BOOST_AUTO_TEST_CASE(products_agree_with_the_reference) {
  for (const auto& [a, b, stretched] : pairs) {
    BOOST_TEST_CONTEXT(to_string(a) << " * " << to_string(b))
    test::check_sums_of_products([](Vars v) { return std::vector{v[0] * v[1]}; }, random_tensors({a, b}),
                                 stretched);
  }
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
  BOOST_TEST(result.outputs[0] == (std::vector<double>{2, 20, 200, 3, 30, 300}),
             boost::test_tools::per_element());
  BOOST_TEST(result.outputs[1] == (std::vector<double>{3, 12, 102, 4, 13, 103}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_broadcast_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var a = tape.input(Shape{2, 3});
  const Var b = tape.input(Shape{4});
  const std::string line = "arithmetic_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto sum = [&] { return a + b; };
  BOOST_TEST(throws_with<ShapeError>(sum, {"add(f32 (2, 3), f32 (4))", "do not broadcast: 3 meets 4", line}));
  BOOST_TEST(
      throws_with<ShapeError>([&] { return a * b; }, {"multiply(f32 (2, 3), f32 (4))", "do not broadcast"}));
}

BOOST_AUTO_TEST_CASE(element_types_must_be_floating_and_equal) {
  Tape tape;
  const Var single = tape.input(Shape{2});
  const Var wide = tape.input(Shape{2}, DType::f64);
  const Var labels = tape.input(Shape{2}, DType::s32);
  BOOST_TEST(throws_with<ShapeError>([&] { return single + wide; }, {"add", "not f32 and f64"}));
  BOOST_TEST(throws_with<ShapeError>([&] { return labels * labels; }, {"multiply", "f32 or f64, not s32"}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        accumulate(std::array{single, wide});
      },
      {"accumulate", "same shape and element type"}));
}

BOOST_AUTO_TEST_SUITE_END()
