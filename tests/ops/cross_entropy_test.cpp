#include "keel/ops/cross_entropy.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::throws_with;
using test::unit_roundoff;

using Vars = std::span<const Var>;

std::vector<Var> entropy(Vars v) {
  return {cross_entropy(v[0], v[1])};
}

struct Sizes {
  std::int64_t count;
  std::int64_t classes;
};

const std::vector<Sizes> sizes{{1, 1}, {1, 10}, {2, 3}, {13, 7}, {64, 10}, {128, 16}, {257, 31}, {512, 1031}};

// Two rows, three classes; the last label is out of range.
struct OutOfRange {
  Tensor scores = random_tensor({2, 3}, 1);
  Tensor labels = Tensor::of<std::int32_t>({2}, {0, 3});
};

}  // namespace

BOOST_AUTO_TEST_SUITE(cross_entropy_test)

BOOST_AUTO_TEST_CASE(nll_picks_the_label_s_score_and_averages) {
  const Tensor scores = Tensor::of<float>({2, 3}, {-1, -2, -3, -4, -5, -6});
  const Tensor labels = Tensor::of<std::int32_t>({2}, {2, 0});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate([](Vars v) { return std::vector{nll(v[0], v[1])}; },
                                       {.dtype = dtype, .inputs = {scores, labels}});
    const double half = test::values(test::upstream_gradient(Shape{}))[0] / 2;
    BOOST_TEST(result.outputs[0][0] == 3.5);
    BOOST_TEST(result.gradients[0] == (std::vector<double>{0, 0, -half, -half, 0, 0}),
               boost::test_tools::per_element());
  }
}

// Or a run that has diverged would look well. (oneDNN's softmax, which the fused loss does without, passes a
// NaN on to its own element alone.)
BOOST_AUTO_TEST_CASE(a_logit_that_is_not_a_number_makes_the_loss_one) {
  for (const std::size_t position : {0U, 1U, 2U, 5U}) {
    Tensor logits = random_tensor({2, 3}, 1);
    logits.data<float>()[position] = std::numeric_limits<float>::quiet_NaN();
    for (const auto dtype : {DType::f32, DType::f64}) {
      const auto result =
          test::evaluate(entropy, {.dtype = dtype,
                                   .fused = true,
                                   .differentiated = false,
                                   .inputs = {logits, Tensor::of<std::int32_t>({2}, {1, 0})}});
      BOOST_TEST(std::isnan(result.outputs[0][0]), "position " << position << ", " << name_of(dtype));
    }
  }
}

BOOST_AUTO_TEST_CASE(nll_agrees_with_the_reference) {
  for (const auto& [count, classes] : sizes) {
    BOOST_TEST_CONTEXT(count << " rows, " << classes << " classes")
    test::check_sums_of_products([](Vars v) { return std::vector{nll(v[0], v[1])}; },
                                 {random_tensor({count, classes}, 1), random_labels(count, classes)}, count);
  }
}

// The loss is an average of log-probabilities, each off by at most what log_softmax is (a sum of `classes`
// exponentials, and values up to 2 * highest); the gradient of a logit is at most |upstream| / count.
BOOST_AUTO_TEST_CASE(cross_entropy_agrees_with_the_reference_fused_and_not) {
  for (const auto& [count, classes] : sizes) {
    const std::vector inputs{random_tensor({count, classes}, 1, 3.0), random_labels(count, classes)};
    const auto expected = test::evaluate(entropy, {.dtype = DType::f64, .inputs = inputs});
    const double highest = 3.0 * 6;  // of the logits, in magnitude
    const double error = test::summation_error(classes) + test::transcendental_error +
                         (test::summation_error(count) + 6 * unit_roundoff) * highest;
    const double upstream = std::abs(test::values(test::upstream_gradient(Shape{}))[0]);
    for (const bool fused : {false, true}) {
      const auto actual = test::evaluate(entropy, {.fused = fused, .inputs = inputs});
      BOOST_TEST_CONTEXT(count << " rows, " << classes << " classes, fused: " << fused) {
        BOOST_TEST(test::within(actual.outputs[0], expected.outputs[0], error));
        BOOST_TEST(
            test::within(actual.gradients[0], expected.gradients[0],
                         upstream / static_cast<double>(count) * (error + test::transcendental_error)));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(equal_logits_cost_the_logarithm_of_the_number_of_classes) {
  const auto result = test::evaluate(
      entropy,
      {.fused = true, .differentiated = false, .inputs = {Tensor{Shape{4, 10}}, random_labels(4, 10)}});
  BOOST_TEST(std::abs(result.outputs[0][0] - std::log(10.0)) < 8 * unit_roundoff);
}

BOOST_AUTO_TEST_CASE(a_label_out_of_range_is_named_with_its_row_and_the_classes) {
  const OutOfRange batch;
  for (const bool fused : {false, true}) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      const std::string line = "cross_entropy_test.cpp:" + std::to_string(__LINE__ + 1);
      const auto call = [](Vars v) { return std::vector{cross_entropy(v[0], v[1])}; };
      BOOST_TEST(throws_with<Error>(
          [&] {
            test::evaluate(call, {.dtype = dtype, .fused = fused, .inputs = {batch.scores, batch.labels}});
          },
          {"nll", "row 1 has label 3, but there are 3 classes, 0 to 2", line}));
    }
  }
  const Tensor negative = Tensor::of<std::int32_t>({2}, {-1, 0});
  BOOST_TEST(throws_with<Error>(
      [&] {
        test::evaluate(entropy, {.inputs = {batch.scores, negative}});
      },
      {"row 0 has label -1"}));
}

// Where the loss itself is not asked for, only the backward operators see the labels. The first row has the
// wrong one, so that a write at its place would stay within the array.
BOOST_AUTO_TEST_CASE(a_label_out_of_range_is_named_when_only_gradients_are_computed) {
  const Tensor scores = random_tensor({2, 3}, 1);
  const Tensor labels = Tensor::of<std::int32_t>({2}, {3, 0});
  for (const bool fused : {false, true}) {
    Tape tape;
    const Var logits = tape.stored(scores, "logits");
    const auto grads = gradients(cross_entropy(logits, tape.stored(labels, "labels")), std::span{&logits, 1});
    PlanOptions options;
    if (fused) options.rules = fusion_rules();
    Plan plan{tape, grads, options};
    BOOST_TEST(throws_with<Error>([&] { plan.run(); }, {"row 0 has label 3"}), "fused: " << fused);
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var scores = tape.input(Shape{4, 3});
  const Var labels = tape.input(Shape{5}, DType::s32);
  const std::string line = "cross_entropy_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { nll(scores, labels); };
  BOOST_TEST(
      throws_with<ShapeError>(call, {"nll(f32 (4, 3), s32 (5))", "labels must be (4), not (5)", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { cross_entropy(scores, tape.input(Shape{4})); },
                                     {"labels must be s32, not f32"}));
  BOOST_TEST(throws_with<ShapeError>([&] { cross_entropy(tape.input(Shape{4}), labels); },
                                     {"must have 2 axes, not 1 as in (4)"}));
}

BOOST_AUTO_TEST_SUITE_END()
