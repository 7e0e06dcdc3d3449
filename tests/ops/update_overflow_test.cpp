// Gradients that are finite and yet too large for what an update makes of them: the error says so.

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/adam.hpp"
#include "keel/ops/sgd.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::throws_with;
using test::values;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// Three parameters that begin at zero, of which the second gets the gradient in question and the others 1.
struct Update {
  Update(DType dtype, double learning_rate)
      : parameter{Shape{3}, dtype},
        first{Shape{3}, dtype},
        second{Shape{3}, dtype},
        rate{Tensor::of<double>({}, {learning_rate})},
        step{Shape{}, DType::f64} {}

  void by_adam() {
    adam_update({.parameters = std::array{tape.stored(parameter)},
                 .means = std::array{tape.stored(first)},
                 .variances = std::array{tape.stored(second)},
                 .grads = std::array{grad}},
                tape.stored(rate), tape.stored(step), {});
  }
  void by_sgd(const SgdSettings& settings) {
    sgd_update(std::array{tape.stored(parameter)}, std::array{tape.stored(first)}, std::array{grad},
               tape.stored(rate), settings);
  }
  // Afterwards, the second parameter.
  double run(double large) {
    if (!plan) plan.emplace(tape, std::span<const Var>{});
    plan->bind(grad, test::converted(Tensor::of<double>({3}, {1.0, large, 1.0}), parameter.dtype()));
    plan->run();
    return values(parameter)[1];
  }

  Tape tape;
  Tensor parameter, first, second, rate, step;
  Var grad = tape.input(parameter.type(), "grad");
  std::optional<Plan> plan;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(update_overflow_test)

BOOST_AUTO_TEST_CASE(adam_names_a_gradient_whose_square_is_too_large) {
  struct Case {
    DType dtype;
    double grad;
    std::string_view grad_text, most;
  };
  for (const auto& [dtype, grad, grad_text, most] :
       {Case{DType::f32, -1e20, "a gradient of 1e+20 ", "beyond 3.4e+38"},
        Case{DType::f64, 1e155, "a gradient of 1e+155 ", "beyond 1.8e+308"}}) {
    Update update{dtype, 0.001};
    update.by_adam();
    BOOST_TEST(throws_with<NonFiniteError>([&, grad = grad] { update.run(grad); },
                                           {grad_text, "has a square", most, "clip_norm", "reset"}));
    BOOST_TEST(values(update.parameter)[1] == 0.0);
    BOOST_TEST(throws_with<NonFiniteError>([&] { update.run(1.0); },
                                           {"second moment is not finite", "largest is 1:", "reset"}));
    BOOST_TEST(values(update.parameter)[1] == 0.0);
  }
}

BOOST_AUTO_TEST_CASE(adam_names_the_moment_that_was_lost_before) {
  for (const auto& [moment, name] :
       {std::pair{&Update::first, "a first moment"}, std::pair{&Update::second, "a second moment"}}) {
    Update update{DType::f64, 0.001};
    (update.*moment).data<double>()[1] = not_a_number;
    update.by_adam();
    BOOST_TEST(throws_with<NonFiniteError>([&] { update.run(1.0); }, {name, "is not finite", "reset"}));
  }
}

BOOST_AUTO_TEST_CASE(adam_takes_every_gradient_whose_square_is_held) {
  for (const auto& [dtype, grad] : {std::pair{DType::f32, 1.8e19}, std::pair{DType::f64, 1.3e154}}) {
    Update update{dtype, 0.001};
    update.by_adam();
    BOOST_TEST(std::abs(update.run(grad) + 0.001) <= 1e-8);
  }
}

BOOST_AUTO_TEST_CASE(a_gradient_that_is_not_finite_is_called_so) {
  for (const double bad : {not_a_number, HUGE_VAL, -HUGE_VAL}) {
    Update of_adam{DType::f32, 0.001};
    of_adam.by_adam();
    BOOST_TEST(throws_with<NonFiniteError>([&] { of_adam.run(bad); }, {"a gradient is not finite"}));
    Update of_sgd{DType::f32, 0.001};
    of_sgd.by_sgd({.momentum = 0.9});
    BOOST_TEST(throws_with<NonFiniteError>([&] { of_sgd.run(bad); }, {"a gradient is not finite"}));
  }
}

BOOST_AUTO_TEST_CASE(sgd_names_a_velocity_that_grows_too_large) {
  for (const auto& [dtype, grad, text] :
       {std::tuple{DType::f32, 3e38, "3e+38"}, std::tuple{DType::f64, -1.5e308, "1.5e+308"}}) {
    Update update{dtype, 1e-10};
    update.by_sgd({.momentum = 0.9});
    update.run(grad);
    BOOST_TEST(throws_with<NonFiniteError>(
        [&, grad = grad] { update.run(grad); },
        {"a velocity is not finite though all gradients are", text, "clip_norm"}));
  }
}

BOOST_AUTO_TEST_CASE(a_learning_rate_beyond_the_element_type_is_named) {
  Update of_adam{DType::f32, 1e39};
  of_adam.by_adam();
  BOOST_TEST(throws_with<NonFiniteError>([&] { of_adam.run(1.0); }, {"rate, 1e+39, is beyond 3.4e+38"}));
  Update of_sgd{DType::f32, 1e39};
  of_sgd.by_sgd({});
  BOOST_TEST(throws_with<NonFiniteError>([&] { of_sgd.run(1.0); }, {"rate, 1e+39, is beyond 3.4e+38"}));
}

BOOST_AUTO_TEST_SUITE_END()
