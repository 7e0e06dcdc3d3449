#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "../support/graph_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/error.hpp"

// Errors of kernels: in being bound, and in running.

namespace {

using keel::Binding;
using keel::DType;
using keel::Error;
using keel::Kernel;
using keel::NonFiniteError;
using keel::Plan;
using keel::Shape;
using keel::Tape;
using keel::Tensor;
using keel::Var;
using keel::testing::custom;
using keel::testing::text_of;

// A kernel that throws an E whenever it runs.
template <class E>
Kernel failing(const Binding&) {
  return {[] { throw E{"feature 3 is nan"}; }, "loop"};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plan_error_test)

BOOST_AUTO_TEST_CASE(an_error_in_a_kernel_names_the_operator_and_its_line) {
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64});
  const int line = __LINE__ + 1;
  const Var y = custom({.name = "lookup", .bind = failing<Error>}, {x});
  Plan plan{tape, std::array{y}};
  const auto text = text_of<Error>([&] { plan.run(); });
  BOOST_TEST(text == fmt::format("lookup at plan_error_test.cpp:{}: feature 3 is nan", line));
}

BOOST_AUTO_TEST_CASE(the_step_that_failed_is_the_one_that_is_named) {
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64});
  const Var y = custom({.name = "second", .bind = failing<Error>}, {custom({.name = "first"}, {x})});
  const Var z = custom({.name = "third"}, {y});
  Plan plan{tape, std::array{z}};
  BOOST_TEST(text_of<Error>([&] { plan.run(); }).starts_with("second at "));
}

BOOST_AUTO_TEST_CASE(a_non_finite_error_stays_one) {
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64});
  const int line = __LINE__ + 1;
  const Var y = custom({.name = "statistics", .bind = failing<NonFiniteError>}, {x});
  Plan plan{tape, std::array{y}};
  const auto text = text_of<NonFiniteError>([&] { plan.run(); });
  BOOST_TEST(text == fmt::format("statistics at plan_error_test.cpp:{}: feature 3 is nan", line));
}

BOOST_AUTO_TEST_CASE(a_plan_runs_on_after_an_error) {
  Tape tape;
  const auto state = Tensor::of<double>({1}, {-1});
  const auto bind = [](const Binding& binding) {
    return Kernel{[src = binding.input<const double>(0), dst = binding.output<double>(0)] {
                    if (*src.get() < 0) throw Error{"it is negative"};
                    *dst.get() = *src.get() + 1;
                  },
                  "loop"};
  };
  const Var y = custom({.name = "positive", .bind = bind}, {tape.stored(state)});
  Plan plan{tape, std::array{y}};
  BOOST_CHECK_THROW(plan.run(), Error);
  state.data<double>()[0] = 4;
  plan.run();
  BOOST_TEST(plan.output(0).data<double>()[0] == 5.0);
}

BOOST_AUTO_TEST_CASE(an_operator_without_a_kernel_is_named_with_its_line) {
  const auto refuse = [](const Binding&) -> Kernel { throw std::runtime_error{"unimplemented"}; };
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64});
  const int line = __LINE__ + 1;
  const Var y = custom({.name = "sparse", .bind = refuse}, {x});
  const auto text = text_of<Error>([&] { Plan(tape, std::array{y}); });
  BOOST_TEST(text == fmt::format("no kernel for sparse at plan_error_test.cpp:{}: unimplemented", line));
}

BOOST_AUTO_TEST_CASE(a_kernel_can_not_see_a_value_as_another_type) {
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{2}, DType::f64});
  const auto wrong_input = [](const Binding& binding) -> Kernel {
    (void)binding.input<const float>(0);
    return {};
  };
  const auto wrong_output = [](const Binding& binding) -> Kernel {
    (void)binding.output<std::int32_t>(0);
    return {};
  };
  for (const auto& bind : {std::function<Kernel(const Binding&)>{wrong_input}, {wrong_output}}) {
    const Var y = custom({.name = "cast", .bind = bind}, {x});
    const auto text = text_of<Error>([&] { Plan(tape, std::array{y}); });
    BOOST_TEST(text.ends_with("a kernel asked for a value as another element type than it has"), text);
  }
}

// The loss itself is not asked for, so nothing but the gradient's kernel sees the label.
BOOST_AUTO_TEST_CASE(a_label_out_of_range_is_an_error_in_the_gradient_alone_too) {
  Tape tape;
  const Var logits = tape.stored(Tensor{Shape{2, 3}, DType::f64}, "logits");
  const Var labels = tape.stored(Tensor::of<std::int32_t>({2}, {3, 0}), "labels");
  const Var loss = keel::cross_entropy(logits, labels);
  const auto grads = keel::gradients(loss, std::span{&logits, 1});
  BOOST_CHECK_THROW((Plan{tape, std::array{loss}}.run()), Error);
  BOOST_CHECK_THROW((Plan{tape, grads}.run()), Error);
}

BOOST_AUTO_TEST_SUITE_END()
