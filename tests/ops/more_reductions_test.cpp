#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/cumsum.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/runtime/error.hpp"

// Sums along an axis, products, minima, and the logarithm of a sum of exponentials.

namespace {

using namespace keel;
using boost::test_tools::per_element;
using test::throws_with;

using Vars = std::span<const Var>;
using Values = std::vector<double>;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

// In f32 and f64 alike.
std::vector<test::Evaluation> evaluations(const test::Function& function, const Tensor& src) {
  std::vector<test::Evaluation> results;
  for (const auto dtype : {DType::f32, DType::f64})
    results.push_back(test::evaluate(function, {.dtype = dtype, .inputs = {src}}));
  return results;
}

void check_orders(const std::string& name, const std::function<Var(Vars)>& function, const Tensor& at,
                  int highest = 2) {
  for (int order = 1; order <= highest; ++order) {
    const auto report = gradcheck(
        function, std::span<Shape>{},
        {.order = order, .f32 = GradcheckF32::required, .inputs = {test::converted(at, DType::f64)}});
    BOOST_TEST(report.ok, name << ", order " << order << ": " << report.text);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(more_reductions_test)

BOOST_AUTO_TEST_CASE(cumulative_sums_worked_by_hand) {
  const Tensor src = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto g = test::values(test::upstream_gradient(Shape{2, 3}));
  struct Sums {
    std::int64_t axis;
    CumsumOptions options;
    Values sums;
  };
  for (const auto& [axis, options, sums] :
       {Sums{1, {}, {1, 3, 6, 4, 9, 15}}, Sums{0, {}, {1, 2, 3, 5, 7, 9}},
        Sums{-1, {.exclusive = true}, {0, 1, 3, 0, 4, 9}}, Sums{-1, {.reverse = true}, {6, 5, 3, 15, 11, 6}},
        Sums{1, {.exclusive = true, .reverse = true}, {5, 3, 0, 11, 6, 0}}}) {
    for (const auto& result :
         evaluations([&](Vars v) { return std::vector{cumsum(v[0], axis, options)}; }, src))
      BOOST_TEST(result.outputs[0] == sums, per_element());
  }
  for (const auto& result : evaluations([](Vars v) { return std::vector{cumsum(v[0], 1)}; }, src)) {
    const Values grads{g[0] + g[1] + g[2], g[1] + g[2], g[2], g[3] + g[4] + g[5], g[4] + g[5], g[5]};
    BOOST_TEST(test::within(result.gradients[0], grads, 1e-6));
  }
}

// To 2^24 an f32 sum can't add 1.
BOOST_AUTO_TEST_CASE(cumulative_sums_are_taken_in_double) {
  const Tensor many = Tensor::of<float>({3}, {0x1p24F, 1, 1});
  const auto sums = test::computed<float>(many, [](const Var& v) { return cumsum(v, 0); });
  BOOST_TEST(sums[2] == 0x1p24F + 2.0F);
}

BOOST_AUTO_TEST_CASE(products_worked_by_hand) {
  const Tensor src = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 0, -6});
  const auto g = test::values(test::upstream_gradient(Shape{2}));
  const auto results = evaluations(
      [](Vars v) {
        return std::vector{prod(v[0], {1}), prod(v[0]), prod(v[0], {0}, true), prod(v[0], {-1, 0})};
      },
      src);
  for (const auto& result : results) {
    BOOST_TEST(result.outputs[0] == (Values{6, 0}), per_element());
    BOOST_TEST(result.outputs[1] == (Values{0}), per_element());
    BOOST_TEST(result.outputs[2] == (Values{4, 0, -18}), per_element());
    BOOST_TEST(result.outputs[3] == (Values{0}), per_element());
    BOOST_TEST(
        test::within(result.gradients[0], Values{g[0] * 6, g[0] * 3, g[0] * 2, 0, g[1] * -24, 0}, 1e-5));
  }
}

// Of one zero the gradient is the product of the others, of two it is 0; the second derivative by both of two
// zeros is the product of the rest.
BOOST_AUTO_TEST_CASE(derivatives_of_a_product_with_zeros) {
  for (const auto& [elements, grads] :
       {std::pair{std::vector<float>{0, 2, 3, 5, -1}, Values{-30, 0, 0, 0, 0}},
        std::pair{std::vector<float>{0, 2, 0, 5, -1}, Values{0, 0, 0, 0, 0}}}) {
    const Tensor src = Tensor::of<float>({5}, std::span{elements});
    Tape tape;
    const Var x = tape.stored(src);
    const Var grad = gradients(prod(x), std::span{&x, 1})[0];
    const Var mixed =
        gradients(sum(grad * tape.stored(Tensor::of<float>({5}, {1, 0, 0, 0, 0}))), std::span{&x, 1})[0];
    Plan plan{tape, std::array{grad, mixed}};
    plan.run();
    BOOST_TEST(test::values(plan.output(0)) == grads, per_element());
    if (elements[2] == 0)
      BOOST_TEST(test::values(plan.output(1)) == (Values{0, 0, -10, 0, 0}), per_element());
    check_orders(
        "prod", [](Vars v) { return prod(v[0]); }, src, 3);
  }
}

BOOST_AUTO_TEST_CASE(products_and_sums_over_every_choice_of_axes) {
  for (const auto& shape : {Shape{}, Shape{7}, Shape{3, 4}, Shape{2, 3, 2}, Shape{2, 1, 3, 2}}) {
    const Tensor at = test::random_tensor(shape, 5);
    for (const auto& axes : test::choices_of_axes(shape.rank())) {
      check_orders(
          "prod", [&](Vars v) { return square(prod(v[0], axes)); }, at);
      check_orders(
          "min", [&](Vars v) { return square(min(v[0], axes, true)); }, at);
      check_orders(
          "log_sum_exp", [&](Vars v) { return log_sum_exp(v[0], axes); }, at);
    }
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      for (const bool exclusive : {false, true}) {
        const CumsumOptions options{.exclusive = exclusive, .reverse = axis == 1};
        check_orders(
            "cumsum", [&](Vars v) { return square(cumsum(v[0], static_cast<std::int64_t>(axis), options)); },
            at);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(minima_and_their_places) {
  const Tensor src = Tensor::of<float>({2, 3}, {1, -2, -2, 4, not_a_number, 6});
  const auto g = test::values(test::upstream_gradient(Shape{2}));
  for (const auto& result : evaluations([](Vars v) { return std::vector{min(v[0], {1}), min(v[0])}; }, src)) {
    BOOST_TEST(result.outputs[0][0] == -2.0);
    BOOST_TEST(std::isnan(result.outputs[0][1]));
    BOOST_TEST(std::isnan(result.outputs[1][0]));
    BOOST_TEST((Values{result.gradients[0].begin(), result.gradients[0].begin() + 3}) ==
                   (Values{0, g[0] / 2, g[0] / 2}),
               per_element());
  }
  const auto places = test::computed<std::int32_t>(src, [](const Var& v) { return argmin(v, 1); });
  BOOST_TEST(places == (std::vector<std::int32_t>{1, 1}), per_element());
}

// numpy: np.log(np.exp(src).sum(axis))
BOOST_AUTO_TEST_CASE(logarithms_of_sums_of_exponentials_as_numpy_has_them) {
  const Tensor src = Tensor::of<float>({2, 3}, {1, 2, 3, -4, 5, 0.5F});
  const Tensor large =
      Tensor::of<float>({4, 2}, {1000, 1000, -infinity, -infinity, infinity, -infinity, -1000, -infinity});
  for (const auto& result : evaluations(
           [](Vars v) {
             return std::vector{log_sum_exp(v[0]), log_sum_exp(v[0], {0}, true), log_sum_exp(v[0], {1})};
           },
           src)) {
    BOOST_TEST(test::within(result.outputs[0], Values{5.19447276167}, 1e-6));
    BOOST_TEST(test::within(result.outputs[1], Values{1.00671534849, 5.04858735157, 3.07888973429}, 1e-6));
    BOOST_TEST(test::within(result.outputs[2], Values{3.40760596444, 5.01116979131}, 1e-6));
  }
  for (const auto& result : evaluations([](Vars v) { return std::vector{log_sum_exp(v[0], {1})}; }, large)) {
    BOOST_TEST(result.outputs[0][0] == 1000 + std::log(2.0), boost::test_tools::tolerance(1e-6));
    BOOST_TEST(result.outputs[0][1] == -infinity);
    BOOST_TEST(result.outputs[0][2] == infinity);
    BOOST_TEST(result.outputs[0][3] == -1000.0);
  }
}

BOOST_AUTO_TEST_CASE(misfits_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input({2, 0});
  const std::string line = "more_reductions_test.cpp:" + std::to_string(__LINE__ + 1);
  BOOST_TEST(throws_with<ShapeError>([&] { min(src, {1}); },
                                     {"min(f32 (2, 0)) at ", line, "axis 1 of (2, 0)", "no smallest one"}));
  BOOST_TEST(throws_with<ShapeError>([&] { argmin(src, 2); }, {"argmin(f32 (2, 0)) at ", "no axis 2"}));
  BOOST_TEST(throws_with<ShapeError>([&] { log_sum_exp(src); }, {"log_sum_exp(f32 (2, 0)) at "}));
  BOOST_TEST(throws_with<ShapeError>([&] { prod(src, {0, 0}); }, {"prod(f32 (2, 0)) at ", "named twice"}));
  BOOST_TEST(throws_with<ShapeError>([&] { cumsum(src, -3); }, {"cumsum(f32 (2, 0)) at ", "no axis -3"}));
  BOOST_TEST(throws_with<ShapeError>([&] { min(tape.input({2}, DType::s32)); }, {"min(s32 (2))"}));
}

BOOST_AUTO_TEST_SUITE_END()
