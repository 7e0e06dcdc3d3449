#include "keel/ops/losses.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/mse.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using Vars = std::span<const Var>;
using Loss = std::function<Var(const Var&, const Var&)>;

struct Case {
  std::string name;
  Loss loss;
  std::vector<double> expected;
  std::vector<double> slopes;  // by the prediction, of the sum
};

// The terms and their slopes in f32 and f64, to a few roundings.
void check_terms(const Case& of, const std::vector<float>& prediction, const std::vector<float>& target) {
  const auto tensor = [](const std::vector<float>& values) {
    Tensor result{Shape{static_cast<std::int64_t>(values.size())}};
    std::ranges::copy(values, result.data<float>().begin());
    return result;
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    BOOST_TEST_CONTEXT(of.name << ", " << name_of(dtype)) {
      const auto terms_and_slopes = [&](Vars v) {
        const Var terms = of.loss(v[0], v[1]);
        const Var total = sum(terms);
        return std::vector{terms, gradients(total, v.first(1))[0]};
      };
      const auto result = test::evaluate(
          terms_and_slopes,
          {.dtype = dtype, .differentiated = false, .inputs = {tensor(prediction), tensor(target)}});
      std::vector<double> bounds;
      for (const double value : of.expected) bounds.push_back(16 * test::unit_roundoff * std::abs(value));
      BOOST_TEST(test::within(result.outputs[0], of.expected, bounds));
      BOOST_TEST(test::within(result.outputs[1], of.slopes, 4 * test::unit_roundoff));
    }
  }
}

void check_gradients(const std::string& name, const std::function<Var(Vars)>& loss,
                     const std::vector<Tensor>& inputs) {
  for (const int order : {1, 2}) {
    const auto report =
        gradcheck(loss, {}, {.order = order, .f32 = GradcheckF32::required, .inputs = inputs});
    BOOST_TEST(report.ok, name << ", order " << order << ": " << report.text);
  }
}

std::vector<double> reduced_by(const Loss& loss) {
  const auto function = [&](Vars v) { return std::vector{loss(v[0], v[1])}; };
  const std::vector inputs{Tensor::of<float>({2, 2}, {3, 0, 1, -1}), Tensor::of<float>({2, 2}, {0, 0, 0, 1})};
  return test::evaluate(function, {.inputs = inputs}).outputs[0];
}

constexpr auto none = Reduction::none;

}  // namespace

BOOST_AUTO_TEST_SUITE(losses_test)

// Differences of 0, within delta, at it and beyond, on both sides.
BOOST_AUTO_TEST_CASE(terms_of_differences_worked_by_hand) {
  const std::vector<float> prediction{1, 1.5, 0, 4, -4, 3};
  const std::vector<float> target{1, 1, 1, 1, 1, 1};
  check_terms({"l1",
               [](const Var& p, const Var& t) { return l1(p, t, {.reduction = none}); },
               {0, 0.5, 1, 3, 5, 2},
               {0, 1, -1, 1, -1, 1}},
              prediction, target);
  check_terms({"huber",
               [](const Var& p, const Var& t) { return huber(p, t, {.delta = 2, .reduction = none}); },
               {0, 0.125, 0.5, 4, 8, 2},
               {0, 0.5, -1, 2, -2, 2}},
              prediction, target);
  check_terms({"smooth_l1",
               [](const Var& p, const Var& t) { return smooth_l1(p, t, {.beta = 2, .reduction = none}); },
               {0, 0.0625, 0.25, 2, 4, 1},
               {0, 0.25, -0.5, 1, -1, 1}},
              prediction, target);
  check_terms({"smooth_l1 of no width",
               [](const Var& p, const Var& t) { return smooth_l1(p, t, {.beta = 0, .reduction = none}); },
               {0, 0.5, 1, 3, 5, 2},
               {0, 1, -1, 1, -1, 1}},
              prediction, target);
  check_terms({"mse",
               [](const Var& p, const Var& t) { return mse(p, t, {.reduction = none}); },
               {0, 0.25, 1, 9, 25, 4},
               {0, 1, -2, 6, -10, 4}},
              prediction, target);
}

// p = sigmoid(log 3) = 3/4. In the tails the loss keeps its digits: log(1 + e^-20) is about e^-20 less half its
// square.
BOOST_AUTO_TEST_CASE(binary_cross_entropy_worked_by_hand) {
  const auto x = static_cast<float>(std::log(3.0));
  const double p = 1 / (1 + std::exp(-static_cast<double>(x)));
  const double tail = std::exp(-20.0) - std::exp(-40.0) / 2;
  const std::vector<float> logits{0, 0, x, x, x, -20, 20, -1000, 1000, -1000};
  const std::vector<float> targets{0, 1, 1, 0, 0.25F, 0, 1, 0, 0, 1};
  check_terms(
      {"plain",
       [](const Var& a, const Var& b) { return binary_cross_entropy_with_logits(a, b, {.reduction = none}); },
       {std::log(2.0), std::log(2.0), -std::log(p), -std::log(1 - p),
        -0.25 * std::log(p) - 0.75 * std::log(1 - p), tail, tail, 0, 1000, 1000},
       {0.5, -0.5, p - 1, p, p - 0.25, 0, 0, 0, 1, -1}},
      logits, targets);
  check_terms({"with a weight",
               [](const Var& a, const Var& b) {
                 return binary_cross_entropy_with_logits(a, b, {.positive_weights = {3}, .reduction = none});
               },
               {std::log(2.0), 3 * std::log(2.0), -3 * std::log(p), -std::log(1 - p),
                -0.75 * std::log(p) - 0.75 * std::log(1 - p), tail, 3 * tail, 0, 1000, 3000},
               {0.5, -1.5, 3 * (p - 1), p, 0.75 * (p - 1) + 0.75 * p, 0, 0, 0, 1, -3}},
              logits, targets);
}

BOOST_AUTO_TEST_CASE(a_positive_weight_for_each_entry_of_the_last_axis) {
  const auto loss = [](Vars v) {
    return std::vector{binary_cross_entropy_with_logits(v[0], v[1], {.positive_weights = {1, 5}})};
  };
  const std::vector inputs{Tensor{{2, 2}}, Tensor::of<float>({2, 2}, {1, 1, 0, 1})};
  const auto result = test::evaluate(loss, {.inputs = inputs});
  BOOST_TEST(test::within(result.outputs[0], std::vector{3 * std::log(2.0)}, 1e-6));
}

BOOST_AUTO_TEST_CASE(they_are_averaged_summed_or_left) {
  const auto equals = [](std::vector<double> actual, const std::vector<double>& expected) {
    BOOST_TEST(actual == expected, boost::test_tools::per_element());
  };
  equals(reduced_by([](const Var& p, const Var& t) { return l1(p, t); }), {1.5});
  equals(reduced_by([](const Var& p, const Var& t) { return l1(p, t, {.reduction = Reduction::sum}); }), {6});
  equals(reduced_by([](const Var& p, const Var& t) { return l1(p, t, {.reduction = none}); }), {3, 0, 1, 2});
  equals(reduced_by([](const Var& p, const Var& t) { return huber(p, t); }), {1.125});
  equals(reduced_by([](const Var& p, const Var& t) { return mse(p, t); }), {3.5});
  equals(reduced_by([](const Var& p, const Var& t) { return mse(p, t, {.reduction = Reduction::sum}); }),
         {14});
}

// At a logit of 0, where a network often starts, |x| has a kink and the loss has none.
BOOST_AUTO_TEST_CASE(the_second_derivative_at_zero_is_right) {
  const auto second = [](Vars v) {
    const Var of_logits = binary_cross_entropy_with_logits(v[0], v[1]);
    const Var by_logits = gradients(of_logits, v.first(1))[0];
    const Var of_difference = huber(v[0], v[0].tape().constant(0.0, v[0].dtype()));
    const Var by_difference = gradients(of_difference, v.first(1))[0];
    return std::vector{gradients(by_logits, v.first(1))[0], gradients(by_difference, v.first(1))[0]};
  };
  const auto result =
      test::evaluate(second, {.dtype = DType::f64,
                              .differentiated = false,
                              .inputs = {Tensor::of<float>({}, {0}), Tensor::of<float>({}, {1})}});
  BOOST_TEST(result.outputs[0] == std::vector{0.25}, boost::test_tools::per_element());
  BOOST_TEST(result.outputs[1] == std::vector{1.0}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(their_derivatives_agree_with_differences) {
  const std::vector pair{test::random_tensor({3, 4}), test::random_tensor({3, 4}, DType::f64, 2)};
  check_gradients(
      "l1", [](Vars v) { return l1(v[0], v[1]); }, pair);
  check_gradients(
      "huber", [](Vars v) { return huber(v[0], v[1], {.delta = 0.7}); }, pair);
  check_gradients(
      "smooth_l1", [](Vars v) { return smooth_l1(v[0], v[1], {.beta = 0.7}); }, pair);
  check_gradients(
      "binary cross-entropy", [](Vars v) { return binary_cross_entropy_with_logits(v[0], v[1]); }, pair);
  const auto weighted = [](Vars v) {
    return binary_cross_entropy_with_logits(v[0], v[1], {.positive_weights = {1, 2, 0.5, 3}});
  };
  check_gradients("weighted binary cross-entropy", weighted, pair);
}

// The parabola may be narrower than any number, and differences almost too large to be one.
BOOST_AUTO_TEST_CASE(smooth_l1_holds_at_every_width) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    const double large = dtype == DType::f32 ? 3e38 : 1.5e308;
    const double narrow = dtype == DType::f32 ? 1e-50 : 1e-310;
    for (const double beta : {narrow, 2.0}) {
      const auto found = test::evaluate(
          [&](Vars v) {
            const Var prediction = multiply(v[0], v[0].tape().constant(large, dtype));
            return std::vector{smooth_l1(prediction, multiply(prediction, v[0].tape().constant(0.0, dtype)),
                                         {.beta = beta, .reduction = Reduction::none})};
          },
          {.dtype = dtype, .differentiated = false, .inputs = {Tensor::of<float>({2}, {1, -1})}});
      for (const double value : found.outputs[0])
        BOOST_TEST(value == large, boost::test_tools::tolerance(1e-6));
    }
  }
}

// What these losses are there for: however far off a target lies, its gradient is no larger than that of others.
BOOST_AUTO_TEST_CASE(far_targets_have_gradients_all_the_same) {
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  const Tensor prediction = Tensor::of<float>({6}, {0, 0, 0, 0, 3e38F, 0});
  const Tensor target = Tensor::of<float>({6}, {infinity, -infinity, 3e38F, -3e38F, 88, std::nanf("")});
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const bool is_huber : {true, false}) {
      const auto slopes_of = [&](Vars v) {
        const Var loss = is_huber ? huber(v[0], v[1], {.delta = 0.5, .reduction = Reduction::sum})
                                  : smooth_l1(v[0], v[1], {.beta = 0.5, .reduction = Reduction::sum});
        return std::vector{gradients(loss * 4.0, v.first(1))[0]};
      };
      const auto slopes =
          test::evaluate(slopes_of, {.dtype = dtype, .differentiated = false, .inputs = {prediction, target}})
              .outputs[0];
      const double slope = is_huber ? 2 : 4;
      const std::vector<double> expected{-slope, slope, -slope, slope, slope};
      BOOST_TEST(std::vector(slopes.begin(), slopes.begin() + 5) == expected,
                 boost::test_tools::per_element());
      BOOST_TEST(std::isnan(slopes[5]));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_batch_of_nothing_sums_to_zero) {
  const auto sums = [](Vars v) {
    return std::vector{l1(v[0], v[1], {.reduction = Reduction::sum}),
                       binary_cross_entropy_with_logits(v[0], v[1], {.reduction = Reduction::sum})};
  };
  const auto result = test::evaluate(sums, {.inputs = {Tensor{{0, 3}}, Tensor{{0, 3}}}});
  BOOST_TEST(result.outputs[0] == std::vector{0.0}, boost::test_tools::per_element());
  BOOST_TEST(result.outputs[1] == std::vector{0.0}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_they_cannot_take_is_refused_with_the_caller_s_line) {
  Tape tape;
  const Var column = tape.input(Shape{8, 1});
  const Var row = tape.input(Shape{8});
  const std::string line = "losses_test.cpp:" + std::to_string(__LINE__ + 1);
  BOOST_TEST(test::throws_with<ShapeError>([&] { l1(column, row); },
                                           {"l1 at " + line, "f32 (8, 1)", "f32 (8)", "one shape"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { huber(column, row); }, {"huber at losses_test.cpp"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { smooth_l1(column, row); }, {"smooth_l1 at losses_test"}));
  BOOST_TEST(test::throws_with<ShapeError>([&] { binary_cross_entropy_with_logits(column, row); },
                                           {"binary_cross_entropy_with_logits at losses_test.cpp"}));
  const auto weights = [&] { binary_cross_entropy_with_logits(row, row, {.positive_weights = {1, 2}}); };
  BOOST_TEST(test::throws_with<ShapeError>(weights, {"2 positive weights", "f32 (8)", "losses_test.cpp"}));
  BOOST_TEST(test::throws_with<Error>([&] { huber(row, row, {.delta = 0}); }, {"delta", "not 0"}));
  BOOST_TEST(test::throws_with<Error>([&] { smooth_l1(row, row, {.beta = -1}); }, {"beta", "not -1"}));
}

BOOST_AUTO_TEST_SUITE_END()
