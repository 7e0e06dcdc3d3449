#include "keel/ops/matmul.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>

#include "../support/ops_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensors;
using test::throws_with;

using Vars = std::span<const Var>;

struct Sizes {
  std::int64_t rows;
  std::int64_t inner;
  std::int64_t columns;
};

// Up to eight rows a product with transposed weights is another primitive.
constexpr std::array sizes{Sizes{1, 1, 1},    Sizes{1, 7, 1},     Sizes{1, 64, 10},    Sizes{1, 784, 128},
                           Sizes{3, 1, 5},    Sizes{8, 65, 31},   Sizes{9, 65, 31},    Sizes{16, 16, 16},
                           Sizes{13, 31, 17}, Sizes{64, 128, 10}, Sizes{1024, 1031, 9}};

std::int64_t longest_sum(const Sizes& s) {
  return std::max({s.rows, s.inner, s.columns});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(matmul_test)

BOOST_AUTO_TEST_CASE(two_matrices_worked_by_hand) {
  const Tensor a = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = Tensor::of<float>({3, 2}, {1, 0, -1, 2, 0, 3});
  const auto result = test::evaluate([](Vars v) { return std::vector{matmul(v[0], v[1])}; },
                                     {.differentiated = false, .inputs = {a, b}});
  BOOST_TEST(result.outputs[0] == (std::vector<double>{-1, 13, -1, 28}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_transposition_agrees_with_the_reference) {
  for (const auto& s : sizes) {
    for (const bool src : {false, true}) {
      for (const bool weights : {false, true}) {
        const Shape a = src ? Shape{s.inner, s.rows} : Shape{s.rows, s.inner};
        const Shape b = weights ? Shape{s.columns, s.inner} : Shape{s.inner, s.columns};
        BOOST_TEST_CONTEXT(to_string(a) << " times " << to_string(b) << ", transposed: " << src << weights)
        test::check_sums_of_products(
            [&](Vars v) {
              return std::vector{matmul(v[0], v[1], {src, weights})};
            },
            random_tensors({a, b}), longest_sum(s));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(linear_with_and_without_bias_agrees_with_the_reference) {
  for (const auto& s : sizes) {
    const Shape src{s.rows, s.inner};
    const Shape weights{s.columns, s.inner};
    BOOST_TEST_CONTEXT(to_string(src) << " through " << to_string(weights)) {
      test::check_sums_of_products([](Vars v) { return std::vector{linear(v[0], v[1], v[2])}; },
                                   random_tensors({src, weights, Shape{s.columns}}), longest_sum(s) + 1);
      test::check_sums_of_products([](Vars v) { return std::vector{linear(v[0], v[1])}; },
                                   random_tensors({src, weights}), longest_sum(s));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_products_of_the_mlp_are_not_left_to_oneDNN_s_reference) {
  const auto first = test::evaluate([](Vars v) { return std::vector{linear(v[0], v[1], v[2])}; },
                                    {.inputs = random_tensors({{64, 784}, {128, 784}, {128}})});
  const auto last = test::evaluate([](Vars v) { return std::vector{linear(v[0], v[1], v[2])}; },
                                   {.inputs = random_tensors({{64, 128}, {10, 128}, {10}})});
  for (const auto* result : {&first, &last}) {
    for (std::size_t i = 0; i < result->steps.size(); ++i) {
      const auto& implementation = result->implementations[i];
      BOOST_TEST_MESSAGE(result->steps[i] << ": " << implementation);
      BOOST_TEST(implementation.find("ref") == std::string::npos, result->steps[i] << ": " << implementation);
    }
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var a = tape.input(Shape{2, 3});
  const Var b = tape.input(Shape{4, 5});
  const Var vector = tape.input(Shape{3});
  const int line = __LINE__ + 1;
  const auto call = [&] { matmul(a, b); };
  BOOST_TEST(throws_with<ShapeError>(call, {"matmul(f32 (2, 3), f32 (4, 5))", "inner extents 3 and 4 differ",
                                            "matmul_test.cpp:" + std::to_string(line)}));
  BOOST_TEST(throws_with<ShapeError>([&] { matmul(a, b, {.src = true}); }, {"inner extents 2 and 4"}));
  BOOST_TEST(throws_with<ShapeError>([&] { matmul(a, b, {.weights = true}); }, {"inner extents 3 and 5"}));
  BOOST_TEST(
      throws_with<ShapeError>([&] { matmul(vector, b); }, {"src must have 2 axes or more, not 1 as in (3)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { matmul(a, vector); }, {"weights must have 2 axes"}));
}

BOOST_AUTO_TEST_CASE(linear_names_features_and_bias_that_do_not_fit) {
  Tape tape;
  const Var src = tape.input(Shape{2, 3});
  const Var weights = tape.input(Shape{5, 3});
  const int line = __LINE__ + 1;
  const auto call = [&] { linear(src, tape.input(Shape{5, 4})); };
  BOOST_TEST(throws_with<ShapeError>(call, {"linear(f32 (2, 3), f32 (5, 4))", "src has 3 features",
                                            "expect 4", "matmul_test.cpp:" + std::to_string(line)}));
  BOOST_TEST(throws_with<ShapeError>([&] { linear(src, weights, tape.input(Shape{3})); },
                                     {"linear", "bias must be (5)", "not (3)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { linear(src, weights, tape.input(Shape{1, 5})); }, {"not (1, 5)"}));
}

BOOST_AUTO_TEST_CASE(element_types_must_be_floating_and_equal) {
  Tape tape;
  const Var single = tape.input(Shape{2, 2});
  const Var wide = tape.input(Shape{2, 2}, DType::f64);
  const Var labels = tape.input(Shape{2, 2}, DType::s32);
  BOOST_TEST(throws_with<ShapeError>([&] { matmul(single, wide); }, {"one element type", "f32", "f64"}));
  BOOST_TEST(throws_with<ShapeError>([&] { linear(labels, labels); }, {"f32 or f64, not s32"}));
}

BOOST_AUTO_TEST_SUITE_END()
