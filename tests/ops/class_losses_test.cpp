// Cross-entropy with class weights, ignored rows, smoothed labels and targets that are probabilities.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using Vars = std::span<const Var>;

const double log_of_2 = std::log(2.0);

// Of probabilities (1/2, 1/4, 1/4) and (1/8, 1/8, 3/4).
Tensor logits() {
  Tensor tensor{{2, 3}};
  const std::vector probabilities{0.5, 0.25, 0.25, 0.125, 0.125, 0.75};
  for (std::size_t i = 0; i < probabilities.size(); ++i)
    tensor.data<float>()[i] = static_cast<float>(std::log(probabilities[i]));
  return tensor;
}

void check_value(const CrossEntropyOptions& options, const Tensor& targets,
                 const std::vector<double>& expected) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    for (const bool fused : {false, true}) {
      const auto result =
          test::evaluate([&](Vars v) { return std::vector{cross_entropy(v[0], v[1], options)}; },
                         {.dtype = dtype, .fused = fused, .inputs = {logits(), targets}});
      BOOST_TEST(test::within(result.outputs[0], expected, 1e-6));
    }
  }
}

Tensor labels(std::int32_t first, std::int32_t second) {
  return Tensor::of<std::int32_t>({2}, {first, second});
}

constexpr auto none = Reduction::none;

}  // namespace

BOOST_AUTO_TEST_SUITE(class_losses_test)

BOOST_AUTO_TEST_CASE(a_weighted_mean_is_divided_by_the_weights) {
  const double first = log_of_2;
  const double second = 4 * std::log(4.0 / 3);
  const std::vector<double> weights{1, 2, 4};
  check_value({.class_weights = weights, .reduction = none}, labels(0, 2), {first, second});
  check_value({.class_weights = weights, .reduction = Reduction::sum}, labels(0, 2), {first + second});
  check_value({.class_weights = weights}, labels(0, 2), {(first + second) / 5});
}

BOOST_AUTO_TEST_CASE(an_ignored_row_counts_for_nothing) {
  check_value({.ignore_index = -100, .reduction = none}, labels(0, -100), {log_of_2, 0});
  check_value({.ignore_index = -100, .reduction = Reduction::sum}, labels(0, -100), {log_of_2});
  check_value({.ignore_index = -100}, labels(0, -100), {log_of_2});
  check_value({.ignore_index = 2}, labels(1, 2), {2 * log_of_2});
  check_value({.class_weights = {1, 2, 4}, .ignore_index = 0}, labels(0, 1), {3 * log_of_2});
}

// In the first row a smoothing of 0.3 makes the target (0.8, 0.1, 0.1), whose scores are log 2, 2 log 2 and
// 2 log 2 below zero; in the second (0.1, 0.1, 0.8).
BOOST_AUTO_TEST_CASE(a_smoothed_label_is_spread_over_all_classes) {
  const double first = 1.2 * log_of_2;
  const double second = 0.2 * 3 * log_of_2 + 0.8 * std::log(4.0 / 3);
  check_value({.reduction = none, .label_smoothing = 0.3}, labels(0, 2), {first, second});
  check_value({.label_smoothing = 0.3}, labels(0, 2), {(first + second) / 2});
  check_value({.ignore_index = 2, .label_smoothing = 0.3}, labels(0, 2), {first});
  // Weighted 1, 2 and 4: 0.8 + 0.1 * 2 * 2 + 0.1 * 4 * 2, divided by the weight of the label alone.
  check_value({.class_weights = {1, 2, 4}, .ignore_index = 2, .label_smoothing = 0.3}, labels(0, 2),
              {2 * log_of_2});
}

BOOST_AUTO_TEST_CASE(targets_may_be_probabilities) {
  const Tensor targets = Tensor::of<float>({2, 3}, {0.5, 0.25, 0.25, 1, 0, 0});
  const double first = 1.5 * log_of_2;
  const double second = 3 * log_of_2;
  check_value({}, targets, {(first + second) / 2});
  check_value({.reduction = none}, targets, {first, second});
  check_value({.reduction = Reduction::sum}, targets, {first + second});
  // Weighted (0.5, 0.5, 1) and (1, 0, 0); the mean is over the rows.
  check_value({.class_weights = {1, 2, 4}}, targets, {((0.5 + 1 + 2) * log_of_2 + second) / 2});
  // 0.7 of the target and 0.1 for each class: (0.45, 0.275, 0.275) and (0.8, 0.1, 0.1).
  const double smoothed = 0.45 * log_of_2 + 0.55 * 2 * log_of_2;
  check_value({.reduction = none, .label_smoothing = 0.3}, targets,
              {smoothed, 0.8 * 3 * log_of_2 + 0.1 * 3 * log_of_2 + 0.1 * std::log(4.0 / 3)});
}

// What is masked out by a logit of -infinity stays out, as long as it is no part of a target.
BOOST_AUTO_TEST_CASE(a_class_without_a_part_in_the_target_may_have_no_probability) {
  Tensor masked = logits();
  masked.data<float>()[2] = -std::numeric_limits<float>::infinity();
  const auto result = test::evaluate(
      [](Vars v) {
        return std::vector{cross_entropy(v[0], v[1], {.class_weights = {1, 1, 1}, .reduction = none})};
      },
      {.inputs = {masked, labels(0, 2)}});
  BOOST_TEST(test::within(result.outputs[0], std::vector{std::log(1.5), std::log(4.0 / 3)}, 1e-6));
  for (const double grad : result.gradients[0]) BOOST_TEST(std::isfinite(grad));
}

// Plain cross-entropy is the fused kernel that it was, options that say nothing included.
BOOST_AUTO_TEST_CASE(without_options_it_is_the_fused_loss) {
  const auto steps = [](const CrossEntropyOptions& options) {
    return test::evaluate([&](Vars v) { return std::vector{cross_entropy(v[0], v[1], options)}; },
                          {.fused = true, .inputs = {logits(), labels(0, 2)}})
        .steps;
  };
  const std::vector<std::string> fused{"log_softmax+nll", "nll_backward+log_softmax_backward"};
  BOOST_TEST(steps({}) == fused, boost::test_tools::per_element());
  BOOST_TEST(steps({.ignore_index = -1}).front() == "log_softmax");
}

BOOST_AUTO_TEST_CASE(nll_takes_the_same_options) {
  const auto result = test::evaluate(
      [](Vars v) {
        return std::vector{nll(v[0], v[1], {.class_weights = {1, 2, 4}, .ignore_index = 1})};
      },
      {.inputs = {Tensor::of<float>({3, 3}, {-1, -2, -3, -4, -5, -6, -7, -8, -9}),
                  Tensor::of<std::int32_t>({3}, {0, 1, 2})}});
  BOOST_TEST(test::within(result.outputs[0], std::vector{(1.0 + 4 * 9) / 5}, 1e-6));
}

BOOST_AUTO_TEST_CASE(their_derivatives_agree_with_differences) {
  const Tensor of_rows = Tensor::of<std::int32_t>({4}, {0, 2, 1, 2});
  const Tensor scores = test::random_tensor({4, 3});
  const std::vector<CrossEntropyOptions> all{
      {.class_weights = {1, 2, 0.5}},
      {.ignore_index = 1},
      {.label_smoothing = 0.2},
      {.class_weights = {1, 2, 0.5}, .ignore_index = 1, .reduction = none, .label_smoothing = 0.2}};
  for (const auto& options : all) {
    for (const int order : {1, 2}) {
      const GradcheckOptions checked{.order = order, .inputs = {scores, of_rows}};
      const auto report = gradcheck([&](Vars v) { return cross_entropy(v[0], v[1], options); }, {}, checked);
      BOOST_TEST(report.ok, "order " << order << ": " << report.text);
    }
  }
  for (const int order : {1, 2}) {
    const GradcheckOptions checked{.order = order,
                                   .inputs = {scores, test::random_tensor({4, 3}, DType::f64, 3)}};
    const auto report = gradcheck(
        [](Vars v) {
          return cross_entropy(v[0], v[1], {.class_weights = {1, 2, 0.5}, .label_smoothing = 0.2});
        },
        {}, checked);
    BOOST_TEST(report.ok, "probabilities, order " << order << ": " << report.text);
  }
}

BOOST_AUTO_TEST_CASE(no_row_that_counts_is_nothing_over_nothing) {
  const auto value = [](const CrossEntropyOptions& options) {
    return test::evaluate([&](Vars v) { return std::vector{cross_entropy(v[0], v[1], options)}; },
                          {.inputs = {logits(), labels(1, 1)}})
        .outputs[0][0];
  };
  BOOST_TEST(std::isnan(value({.ignore_index = 1})));
  BOOST_TEST(value({.ignore_index = 1, .reduction = Reduction::sum}) == 0.0);
}

BOOST_AUTO_TEST_CASE(a_label_that_is_no_class_is_named_unless_it_is_ignored) {
  const auto run = [](const CrossEntropyOptions& options) {
    test::evaluate([&](Vars v) { return std::vector{cross_entropy(v[0], v[1], options)}; },
                   {.inputs = {logits(), labels(0, 7)}});
  };
  BOOST_TEST(test::throws_with<Error>([&] { run({.ignore_index = -100}); }, {"row 1 has label 7"}));
  BOOST_CHECK_NO_THROW(run({.ignore_index = 7}));
}

BOOST_AUTO_TEST_CASE(what_it_cannot_take_is_refused_with_the_caller_s_line) {
  Tape tape;
  const Var scores = tape.input(Shape{2, 3});
  const Var targets = tape.input(Shape{2}, DType::s32);
  const std::string line = "class_losses_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto two_weights = [&] { cross_entropy(scores, targets, {.class_weights = {1, 2}}); };
  BOOST_TEST(test::throws_with<ShapeError>(
      two_weights, {"cross_entropy at " + line, "2 class weights", "one for each class, 3"}));
  BOOST_TEST(test::throws_with<ShapeError>(
      [&] {
        nll(scores, targets, {.class_weights = {1, 2}});
      },
      {"nll at class_losses_test.cpp"}));
  BOOST_TEST(test::throws_with<Error>([&] { cross_entropy(scores, targets, {.label_smoothing = 1.5}); },
                                      {"label_smoothing", "not 1.5"}));
  const Var probabilities = tape.input(Shape{2, 4});
  BOOST_TEST(test::throws_with<ShapeError>([&] { cross_entropy(scores, probabilities); },
                                           {"cross_entropy at", "f32 (2, 3)", "f32 (2, 4)"}));
  const Var images = tape.input(Shape{2, 3, 4});
  BOOST_TEST(test::throws_with<ShapeError>([&] { cross_entropy(images, images); },
                                           {"cross_entropy at", "must be (N, C)", "not f32 (2, 3, 4)"}));
  const Var fitting = tape.input(Shape{2, 3});
  BOOST_TEST(test::throws_with<Error>([&] { cross_entropy(scores, fitting, {.ignore_index = 1}); },
                                      {"ignore_index is for labels", "f32 (2, 3)"}));
}

BOOST_AUTO_TEST_SUITE_END()
