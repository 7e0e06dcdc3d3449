#include "keel/ops/comparison.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/max.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using boost::test_tools::per_element;
using test::throws_with;

using Vars = std::span<const Var>;
using Values = std::vector<double>;
using Pair = Var (*)(const Operand& a, const Operand& b, const SourceLocation& where);

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

test::Evaluation evaluate(const test::Function& function, DType dtype, std::vector<Tensor> inputs) {
  return test::evaluate(function, {.dtype = dtype, .inputs = std::move(inputs)});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(comparison_test)

BOOST_AUTO_TEST_CASE(every_comparison_worked_by_hand) {
  const Tensor a = Tensor::of<float>({8}, {1, 2, 3, -0.0F, not_a_number, 1, not_a_number, infinity});
  const Tensor b = Tensor::of<float>({8}, {2, 2, 2, 0.0F, 1, not_a_number, not_a_number, infinity});
  const std::vector<std::pair<Pair, Values>> cases{
      {greater, {0, 0, 1, 0, 0, 0, 0, 0}}, {greater_equal, {0, 1, 1, 1, 0, 0, 0, 1}},
      {less, {1, 0, 0, 0, 0, 0, 0, 0}},    {less_equal, {1, 1, 0, 1, 0, 0, 0, 1}},
      {equal, {0, 1, 0, 1, 0, 0, 0, 1}},   {not_equal, {1, 0, 1, 0, 1, 1, 1, 0}}};
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const auto result =
          evaluate([&](Vars v) { return std::vector{cases[i].first(v[0], v[1], SourceLocation::current())}; },
                   dtype, {a, b});
      BOOST_TEST(result.outputs[0] == cases[i].second, per_element());
      BOOST_TEST(result.gradients[0] == Values(8, 0.0), per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(labels_are_compared_in_their_own_type) {
  const Tensor labels = Tensor::of<std::int32_t>({3}, {0, 2, 16777217});
  const auto compared = [&](const std::function<Var(const Var&)>& function) {
    return test::computed<std::int32_t>(labels, function);
  };
  using Labels = std::vector<std::int32_t>;
  BOOST_TEST(compared([](const Var& v) { return equal(v, 16777216); }) == (Labels{0, 0, 0}), per_element());
  BOOST_TEST(compared([](const Var& v) { return greater(v, 0); }) == (Labels{0, 1, 1}), per_element());
  BOOST_TEST(compared([](const Var& v) { return not_equal(2, v); }) == (Labels{1, 0, 1}), per_element());
  BOOST_TEST(compared([](const Var& v) { return less_equal(v, v); }) == (Labels{1, 1, 1}), per_element());
  const Tensor logits = Tensor::of<float>({4, 2}, {1, 2, 3, 0, 0, 1, 5, 4});
  const auto accuracy = test::computed<float>(logits, [](const Var& v) {
    const Var targets = v.tape().stored(Tensor::of<std::int32_t>({4}, {1, 1, 1, 0}));
    return mean(where(equal(argmax(v), targets), 1, 0));
  });
  BOOST_TEST(accuracy[0] == 0.75F);
}

BOOST_AUTO_TEST_CASE(numbers_and_broadcasting) {
  const Tensor src = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  const Tensor row = Tensor::of<float>({2}, {1, 4});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = evaluate(
        [](Vars v) {
          return std::vector{less(v[0], v[1]), greater(v[0], 2), greater(2.5, v[0]), equal(v[1], v[0])};
        },
        dtype, {src, row});
    BOOST_TEST(result.outputs[0] == (Values{0, 1, 0, 0}), per_element());
    BOOST_TEST(result.outputs[1] == (Values{0, 0, 1, 1}), per_element());
    BOOST_TEST(result.outputs[2] == (Values{1, 1, 0, 0}), per_element());
    BOOST_TEST(result.outputs[3] == (Values{1, 0, 0, 1}), per_element());
  }
}

BOOST_AUTO_TEST_CASE(minimum_shares_its_gradient_and_keeps_nan) {
  const Tensor a = Tensor::of<float>({5}, {1, 2, 3, not_a_number, 1});
  const Tensor b = Tensor::of<float>({5}, {2, 2, 2, 1, not_a_number});
  const auto g = test::values(test::upstream_gradient(Shape{5}));
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = evaluate([](Vars v) { return std::vector{minimum(v[0], v[1])}; }, dtype, {a, b});
    const auto& dst = result.outputs[0];
    BOOST_TEST((Values{dst[0], dst[1], dst[2]}) == (Values{1, 2, 2}), per_element());
    BOOST_TEST((std::isnan(dst[3]) && std::isnan(dst[4])));
    const auto& grad = result.gradients;
    BOOST_TEST((Values{grad[0][0], grad[0][1], grad[0][2]}) == (Values{g[0], g[1] / 2, 0}), per_element());
    BOOST_TEST((Values{grad[1][0], grad[1][1], grad[1][2]}) == (Values{0, g[1] / 2, g[2]}), per_element());
    BOOST_TEST((std::isnan(grad[0][3]) && std::isnan(grad[1][4])));
  }
}

BOOST_AUTO_TEST_CASE(maximum_keeps_nan_of_either) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result =
        evaluate([](Vars v) { return std::vector{maximum(v[0], v[1])}; }, dtype,
                 {Tensor::of<float>({2}, {not_a_number, 1}), Tensor::of<float>({2}, {1, not_a_number})});
    BOOST_TEST((std::isnan(result.outputs[0][0]) && std::isnan(result.outputs[0][1])));
    for (const auto& grad : result.gradients) BOOST_TEST((std::isnan(grad[0]) && std::isnan(grad[1])));
  }
}

// What was not chosen may be anything.
BOOST_AUTO_TEST_CASE(where_chooses_and_lets_nothing_of_the_other_through) {
  const Tensor condition = Tensor::of<float>({4}, {1, 0, not_a_number, -2});
  const Tensor a = Tensor::of<float>({4}, {1, not_a_number, 3, 4});
  const Tensor b = Tensor::of<float>({4}, {infinity, 6, 7, not_a_number});
  const auto g = test::values(test::upstream_gradient(Shape{4}));
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result =
        evaluate([](Vars v) { return std::vector{where(v[0], v[1], v[2])}; }, dtype, {condition, a, b});
    BOOST_TEST(result.outputs[0] == (Values{1, 6, 3, 4}), per_element());
    BOOST_TEST(result.gradients[0] == Values(4, 0.0), per_element());
    BOOST_TEST(result.gradients[1] == (Values{g[0], 0, g[2], g[3]}), per_element());
    BOOST_TEST(result.gradients[2] == (Values{0, g[1], 0, 0}), per_element());
  }
}

BOOST_AUTO_TEST_CASE(where_broadcasts_all_three_and_takes_masks_of_s32) {
  const Tensor mask = Tensor::of<std::int32_t>({2, 1}, {1, 0});
  const Tensor a = Tensor::of<float>({3}, {1, 2, 3});
  const Tensor b = Tensor::of<float>({2, 1, 1}, {10, 20});
  const auto g = test::values(test::upstream_gradient(Shape{2, 2, 3}));
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result =
        evaluate([](Vars v) { return std::vector{where(v[0], v[1], v[2])}; }, dtype, {mask, a, b});
    BOOST_TEST(result.outputs[0] == (Values{1, 2, 3, 10, 10, 10, 1, 2, 3, 20, 20, 20}), per_element());
    BOOST_TEST(test::within(result.gradients[0], Values{g[0] + g[6], g[1] + g[7], g[2] + g[8]}, 1e-6));
    BOOST_TEST(test::within(result.gradients[1], Values{g[3] + g[4] + g[5], g[9] + g[10] + g[11]}, 1e-6));
    const auto numbers = evaluate(
        [&](Vars v) {
          return std::vector{where(v[0], v[1], 0.5), where(v[0], 1.0, 2.0)};
        },
        dtype, {Tensor::of<std::int32_t>({3}, {0, 1, 0}), a});
    BOOST_TEST(numbers.outputs[0] == (Values{0.5, 2, 0.5}), per_element());
    BOOST_TEST(numbers.outputs[1] == (Values{2, 1, 2}), per_element());
  }
}

// Kinks are where the operands meet, and random numbers don't.
BOOST_AUTO_TEST_CASE(gradients_of_every_pattern_of_broadcasting) {
  const std::vector<std::vector<Shape>> patterns{
      {{2, 3}, {2, 3}, {2, 3}},      {{3}, {2, 3}, {2, 1}}, {{}, {4, 1, 3}, {2, 1}},
      {{2, 3, 2, 2}, {3, 1, 1}, {}}, {{5}, {}, {}},         {{}, {}, {}}};
  for (const auto& shapes : patterns) {
    const auto report =
        gradcheck([](Vars v) { return where(greater(v[0], 0.1), v[1], v[2]) * minimum(v[1], v[2]); }, shapes);
    BOOST_TEST(report.ok, to_string(shapes[0]) << ": " << report.text);
  }
}

BOOST_AUTO_TEST_CASE(misfits_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var a = tape.input({2});
  const Var b = tape.input({3});
  const std::string line = "comparison_test.cpp:" + std::to_string(__LINE__ + 1);
  BOOST_TEST(throws_with<ShapeError>([&] { greater(a, b); }, {"greater(f32 (2), f32 (3)) at ", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { where(a, b, 0.0); }, {"where(f32 (2), f32 (3), f32 ()) at "}));
  BOOST_TEST(throws_with<ShapeError>([&] { equal(a, tape.input({2}, DType::f64)); }, {"f32 and f64"}));
  BOOST_TEST(throws_with<ShapeError>([&] { where(tape.input({2}, DType::f64), a, a); },
                                     {"the condition must be f32", "or s32, not f64"}));
  BOOST_TEST(throws_with<Error>([&] { less(1.0, 2.0); },
                                {"less at comparison_test.cpp:", "both operands are numbers"}));
  const Var labels = tape.input({2}, DType::s32);
  BOOST_TEST(
      throws_with<ShapeError>([&] { less(labels, a); }, {"less(s32 (2), f32 (2)) at ", "must be s32"}));
  BOOST_TEST(throws_with<ShapeError>([&] { minimum(labels, labels); }, {"f32 or f64, not s32"}));
  for (const double number : {1.5, 1e300, -3e9, std::nan("")}) {
    BOOST_TEST(throws_with<Error>([&] { less(labels, number); },
                                  {", an operand at comparison_test.cpp:", "is no element of type s32"}));
  }
  BOOST_TEST(throws_with<Error>([&] { less(Var{}, a); }, {"an undefined Var was used"}));
}

BOOST_AUTO_TEST_SUITE_END()
