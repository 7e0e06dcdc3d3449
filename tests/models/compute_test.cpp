#include "keel/models/compute.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::throws_with;

}  // namespace

BOOST_AUTO_TEST_SUITE(compute_test)

BOOST_AUTO_TEST_CASE(operators_compute_at_once) {
  const Tensor a = Tensor::rows<float>({{1, 2}, {3, 4}});
  const Tensor b = Tensor::of<float>({2}, {10, 20});
  BOOST_TEST(a + b == Tensor::rows<float>({{11, 22}, {13, 24}}));
  BOOST_TEST(a - b == Tensor::rows<float>({{-9, -18}, {-7, -16}}));
  BOOST_TEST(a * b == Tensor::rows<float>({{10, 40}, {30, 80}}));
  BOOST_TEST(b / a == Tensor::rows<float>({{10, 10}, {10 / 3.0F, 5}}));
  BOOST_TEST(a + 1 == Tensor::rows<float>({{2, 3}, {4, 5}}));
  BOOST_TEST(1 - a == Tensor::rows<float>({{0, -1}, {-2, -3}}));
  BOOST_TEST(2 * a / 4 - 0.5 == Tensor::rows<float>({{0, 0.5}, {1, 1.5}}));
  BOOST_TEST(a - 1 == -(1 - a));
  BOOST_TEST(1 + a * 2 == a + a + 1);
  BOOST_TEST(1 / a == Tensor::rows<float>({{1, 0.5}, {1 / 3.0F, 0.25}}));
  BOOST_TEST(matmul(a, a) == Tensor::rows<float>({{7, 10}, {15, 22}}));
  BOOST_TEST(matmul(a, a, {.weights = true}) == Tensor::rows<float>({{5, 11}, {11, 25}}));
  BOOST_TEST(sum(a).item() == 10.0);
  BOOST_TEST(sum(a, {0}) == Tensor::of<float>({2}, {4, 6}));
  BOOST_TEST(mean(a, {1}, true) == Tensor::rows<float>({{1.5}, {3.5}}));
  const Tensor wide = test::converted(a, DType::f64);
  BOOST_TEST((wide * 0.1).at<double>(0, 0) == 0.1);
}

BOOST_AUTO_TEST_CASE(any_function_of_vars_is_run_once) {
  const Tensor a = Tensor::rows<float>({{3, 4}, {-6, 8}});
  const Tensor b = Tensor::rows<float>({{0, 0}});
  BOOST_TEST(compute([](Var x, Var y) { return sqrt(sum(square(x - y), {1})); }, a, b) ==
             Tensor::of<float>({2}, {5, 10}));
  BOOST_TEST(compute(relu, a) == Tensor::rows<float>({{3, 4}, {0, 8}}));
  Linear layer{2, 3};
  initialize(layer, Rng{1});
  BOOST_TEST(compute(layer, a) == Inference{layer}(a));
  const auto both = compute([](Var x) { return std::vector{x, x * 2}; }, a);
  BOOST_REQUIRE(both.size() == 2);
  BOOST_TEST(both[0] == a);
  BOOST_TEST(both[0].bytes() != a.bytes());
  BOOST_TEST(both[1] == a + a);
}

BOOST_AUTO_TEST_CASE(results_are_their_own) {
  const Tensor a = Tensor::of<float>({2}, {1, 2});
  const Tensor first = a + a;
  const Tensor second = first + a;
  BOOST_TEST(first == Tensor::of<float>({2}, {2, 4}));
  BOOST_TEST(second == Tensor::of<float>({2}, {3, 6}));
  BOOST_TEST(a == Tensor::of<float>({2}, {1, 2}));
}

BOOST_AUTO_TEST_CASE(errors_name_the_line_of_the_expression) {
  const Tensor a{{2}}, b{{3}};
  const auto line = "compute_test.cpp:" + std::to_string(__LINE__ + 1);
  BOOST_TEST(throws_with<ShapeError>([&] { (void)(a + b); }, {"add(f32 (2), f32 (3)) at ", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { (void)matmul(a, b); }, {"matmul", "compute_test.cpp:"}));
  BOOST_TEST(
      throws_with<NoValuesError>([&] { (void)(a + Tensor{}); }, {"a tensor that was to be computed with"}));
  BOOST_TEST(throws_with<ShapeError>([&] { compute([](Var x, Var y) { return x * y; }, a, b); },
                                     {"multiply", "compute_test.cpp:"}));
}

BOOST_AUTO_TEST_SUITE_END()
