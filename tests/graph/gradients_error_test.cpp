#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>

#include "../support/graph_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

// What the gradient transform refuses.

namespace {

using keel::DType;
using keel::Error;
using keel::Shape;
using keel::Tape;
using keel::Tensor;
using keel::Var;
using keel::VjpContext;
using keel::testing::custom;
using keel::testing::CustomOp;
using keel::testing::record_effect;
using keel::testing::text_of;

// The text of the error that differentiating a made-up operator gives.
std::string text_of_differentiating(CustomOp::Behavior behavior) {
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64}, "x");
  const Var loss = keel::mean(custom(std::move(behavior), {x}));
  return text_of<Error>([&] { keel::gradients(loss, std::span{&x, 1}); });
}

void nothing(double*) {}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradients_error_test)

BOOST_AUTO_TEST_CASE(an_operator_without_a_derivative_is_named) {
  BOOST_TEST(text_of_differentiating({.name = "argsort"}) == "argsort has no derivative");
}

BOOST_AUTO_TEST_CASE(an_operator_without_a_derivative_is_no_trouble_off_the_way) {
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64}, "x");
  const Var constant = tape.stored(Tensor{Shape{2}, DType::f64}, "constant");
  const Var loss = keel::mean(custom({.name = "argsort"}, {constant}) * x);
  custom({.name = "histogram"}, {x});
  BOOST_CHECK_NO_THROW(keel::gradients(loss, std::span{&x, 1}));
}

BOOST_AUTO_TEST_CASE(a_derivative_must_return_one_gradient_an_input) {
  const auto two = [](const VjpContext& context) { return std::vector<Var>(2, context.output_grads[0]); };
  BOOST_TEST(text_of_differentiating({.name = "custom", .vjp = two}) ==
             "the derivative of custom returned 2 gradients for 1 inputs");
}

BOOST_AUTO_TEST_CASE(a_derivative_must_have_the_type_of_its_input) {
  const auto scalar = [](const VjpContext& context) {
    return std::vector{keel::mean(context.output_grads[0])};
  };
  BOOST_TEST(text_of_differentiating({.name = "custom", .vjp = scalar}) ==
             "the derivative of custom returned f64 () for input 0, which is f64 (2)");
}

BOOST_AUTO_TEST_CASE(a_parameter_overwritten_after_its_use_is_refused) {
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64}, "x");
  const Var weights = tape.stored(Tensor{Shape{2}, DType::f64}, "fc1.weights");
  const int used = __LINE__ + 1;
  const Var product = keel::multiply(x, weights);
  const Var loss = keel::mean(product);
  const int written = __LINE__ + 1;
  record_effect(weights, "decay", nothing);
  BOOST_TEST(
      text_of<Error>([&] {
        keel::gradients(loss, std::span{&x, 1});
      }) ==
      fmt::format("the derivative of multiply at gradients_error_test.cpp:{} needs 'fc1.weights', which "
                  "decay at gradients_error_test.cpp:{} overwrites; record gradients before updates",
                  used, written));
}

BOOST_AUTO_TEST_CASE(a_parameter_overwritten_before_its_use_is_fine) {
  Tape tape;
  const auto values = Tensor::of<double>({1}, {3});
  const Var x = tape.stored(values, "x");
  record_effect(x, "double", [](double* element) { *element *= 2; });
  const Var loss = keel::mean(x * x);
  const Var grad = keel::gradients(loss, std::span{&x, 1})[0];
  keel::Plan plan{tape, std::span{&grad, 1}};
  plan.run();
  BOOST_TEST(plan.output(0).data<double>()[0] == 12.0);
}

// Their numbers on another tape, or none, say nothing about this one.
BOOST_AUTO_TEST_CASE(values_on_another_tape_or_on_none_are_refused) {
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64}, "x");
  const Var loss = keel::mean(x * x);
  Tape another;
  const std::array foreign{another.input({2}, DType::f64)};
  const std::array undefined{Var{}};
  BOOST_CHECK_THROW(keel::gradients(loss, foreign), Error);
  BOOST_CHECK_THROW(keel::gradients(loss, undefined), Error);

  const std::array outputs{x * x, foreign[0]};
  const std::array upstream{x, x};
  BOOST_CHECK_THROW(keel::gradients(outputs, upstream, std::array{x}), Error);
  const std::array foreign_upstream{another.input({2}, DType::f64)};
  BOOST_CHECK_THROW(keel::gradients(std::array{x * x}, foreign_upstream, std::array{x}), Error);
  BOOST_CHECK_THROW(keel::gradients(std::array{x}, foreign_upstream, std::array{x}), Error);
}

BOOST_AUTO_TEST_SUITE_END()
