#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <stdexcept>

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

// The text of the error that differentiating a made-up operator gives, which must begin with the operator and
// its line; what comes then is returned.
std::string text_of_differentiating(CustomOp::Behavior behavior) {
  const std::string name = behavior.name;
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64}, "x");
  const int line = __LINE__ + 1;
  const Var loss = keel::mean(custom(std::move(behavior), {x}));
  const auto text = text_of<Error>([&] { keel::gradients(loss, std::span{&x, 1}); });
  const auto blamed = fmt::format("the derivative of {} at gradients_error_test.cpp:{}: ", name, line);
  BOOST_TEST(text.starts_with(blamed), text);
  return text.substr(std::min(blamed.size(), text.size()));
}

void nothing(double*) {}

}  // namespace

BOOST_AUTO_TEST_SUITE(gradients_error_test)

BOOST_AUTO_TEST_CASE(an_operator_without_a_derivative_is_named) {
  BOOST_TEST(text_of_differentiating({.name = "argsort"}) ==
             "argsort has no derivative: compute what needs none from it, or give it a vjp");
}

BOOST_AUTO_TEST_CASE(an_expansion_that_is_not_of_the_operator_is_named) {
  using Vars = std::span<const Var>;
  const auto said = [](std::function<std::vector<Var>(Vars)> expand) {
    return text_of_differentiating({.name = "mine", .expand = std::move(expand)});
  };
  BOOST_TEST(said([](Vars v) {
               return std::vector{v[0], v[0]};
             }) == "its expand returned 2 outputs; the operator has 1");
  BOOST_TEST(said([](Vars) { return std::vector{Var{}}; }) ==
             "its expand returned an output 0 that is undefined");
  Tape other;
  const Var elsewhere = other.stored(Tensor{Shape{2}, DType::f64}, "x");
  BOOST_TEST(said([=](Vars) { return std::vector{elsewhere}; }) ==
             "its expand returned an output 0 that is on another tape");
  BOOST_TEST(said([](Vars v) { return std::vector{v[0].tape().constant(1.0, DType::f32)}; }) ==
             "no gradient flows through its output 0, f64 (2): its expand returned f32 () for it");
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
  BOOST_TEST(
      text_of_differentiating({.name = "custom", .vjp = two}) ==
      "its vjp returned 2 gradients for 1 input; it must return one for each input, undefined where it is "
      "zero");
}

BOOST_AUTO_TEST_CASE(a_derivative_must_have_the_type_of_its_input) {
  const auto scalar = [](const VjpContext& context) {
    return std::vector{keel::mean(context.output_grads[0])};
  };
  BOOST_TEST(text_of_differentiating({.name = "custom", .vjp = scalar}) ==
             "its vjp returned f64 () for input 0, which is f64 (2)");
}

BOOST_AUTO_TEST_CASE(whatever_a_derivative_throws_names_the_operator_and_its_line) {
  const auto throws = [](const VjpContext&) -> std::vector<Var> { throw std::out_of_range{"no such axis"}; };
  BOOST_TEST(text_of_differentiating({.name = "custom", .vjp = throws}) == "no such axis");
  const auto misfits = [](const VjpContext& context) {
    return std::vector{context.output_grads[0] * context.inputs[0].tape().input({3}, DType::f64)};
  };
  BOOST_TEST(text_of_differentiating({.name = "custom", .vjp = misfits}).find("do not broadcast") !=
             std::string::npos);
  Tape another;
  const auto strays = [&](const VjpContext&) { return std::vector{another.input({2}, DType::f64)}; };
  BOOST_TEST(text_of_differentiating({.name = "custom", .vjp = strays}) ==
             "its vjp returned a gradient for input 0 that is on another tape");
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
