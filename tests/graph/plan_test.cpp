#include "keel/graph/plan.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>

#include "../support/graph_support.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/error.hpp"

namespace {

using keel::Binding;
using keel::DType;
using keel::Error;
using keel::Kernel;
using keel::Plan;
using keel::Shape;
using keel::ShapeError;
using keel::Tape;
using keel::Tensor;
using keel::Var;
using keel::testing::custom;
using keel::testing::record_effect;
using keel::testing::text_of;
using keel::testing::values_of;
using Names = std::vector<std::string>;
using Values = std::vector<double>;

Names steps_of(const Plan& plan) {
  Names names;
  for (const auto& step : plan.steps()) names.emplace_back(step.node.op->name());
  return names;
}

// x * x + x of a vector of two.
struct Polynomial {
  Tape tape;
  Var x = tape.input({2}, DType::f64, "x");
  Var y = x * x + x;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(plan_test)

BOOST_AUTO_TEST_CASE(a_plan_computes_what_was_recorded) {
  Polynomial p;
  Plan plan{p.tape, std::array{p.y}};
  plan.bind(p.x, Tensor::of<double>({2}, {3, -2}));
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == (Values{12, 2}), boost::test_tools::per_element());
  BOOST_TEST(steps_of(plan) == (Names{"multiply", "add"}), boost::test_tools::per_element());
  BOOST_TEST(plan.steps()[0].implementation == "reference");
}

BOOST_AUTO_TEST_CASE(each_run_uses_what_is_bound_then_without_a_copy) {
  Polynomial p;
  Plan plan{p.tape, std::array{p.y}};
  const auto first = Tensor::of<double>({2}, {1, 2});
  plan.bind(p.x, first);
  first.data<double>()[0] = 5;
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == (Values{30, 6}), boost::test_tools::per_element());

  plan.bind(p.x, Tensor::of<double>({2}, {0, 10}));  // the plan keeps it alive
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == (Values{0, 110}), boost::test_tools::per_element());
  BOOST_TEST(values_of(first) == (Values{5, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(dead_nodes_are_dropped) {
  Tape tape;
  const Var x = tape.input({2}, DType::f64);
  const Var y = keel::relu(x);
  keel::relu(x * x);
  Plan plan{tape, std::array{y}};
  BOOST_TEST(steps_of(plan) == Names{"relu"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_input_of_dead_nodes_alone_need_not_be_bound) {
  Tape tape;
  const Var x = tape.input({2}, DType::f64);
  const Var y = keel::relu(x);
  keel::relu(tape.input({2}, DType::f64, "unused"));
  Plan plan{tape, std::array{y}};
  plan.bind(x, Tensor{Shape{2}, DType::f64});
  BOOST_CHECK_NO_THROW(plan.run());
}

BOOST_AUTO_TEST_CASE(nodes_with_effects_are_kept_in_order_with_what_they_need) {
  Tape tape;
  const auto state = Tensor::of<double>({1}, {3});
  const Var stored = tape.stored(state, "state");
  const Var before = stored * stored;
  record_effect(stored, "increment", [](double* value) { *value += 1; });
  const Var after = stored * stored;
  record_effect(stored, "double", [](double* value) { *value *= 2; });
  Plan plan{tape, std::array{before, after}};
  BOOST_TEST(steps_of(plan) == (Names{"multiply", "increment", "multiply", "double"}),
             boost::test_tools::per_element());
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == Values{9}, boost::test_tools::per_element());
  BOOST_TEST(values_of(plan.output(1)) == Values{16}, boost::test_tools::per_element());
  BOOST_TEST(values_of(state) == Values{8}, boost::test_tools::per_element());

  Plan effects{tape, {}};
  BOOST_TEST(steps_of(effects) == (Names{"increment", "double"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_output_may_be_a_stored_value_and_may_be_asked_for_twice) {
  Tape tape;
  const auto state = Tensor::of<double>({1}, {3});
  const Var stored = tape.stored(state, "state");
  record_effect(stored, "double", [](double* value) { *value *= 2; });
  const Var y = stored * stored;
  Plan plan{tape, std::array{stored, y, y}};
  plan.run();
  BOOST_TEST(plan.output(0).bytes() == state.bytes());
  BOOST_TEST(values_of(plan.output(0)) == Values{6}, boost::test_tools::per_element());
  BOOST_TEST(values_of(plan.output(1)) == Values{36}, boost::test_tools::per_element());
  BOOST_TEST(plan.output(2).bytes() == plan.output(1).bytes());
}

BOOST_AUTO_TEST_CASE(a_plan_outlives_its_tape_and_can_be_moved) {
  std::optional<Polynomial> p{std::in_place};
  const auto x = p->x.id();
  Plan original{p->tape, std::array{p->y}};
  p.reset();
  Plan plan{std::move(original)};
  plan.bind(x, Tensor::of<double>({2}, {3, -2}));
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == (Values{12, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_output_outlives_its_plan) {
  Polynomial p;
  std::optional<Plan> plan{std::in_place, p.tape, std::array{p.y}};
  plan->bind(p.x, Tensor::of<double>({2}, {3, -2}));
  plan->run();
  const Tensor output = plan->output(0);
  plan.reset();
  BOOST_TEST(values_of(output) == (Values{12, 2}), boost::test_tools::per_element());
}

// Seven values in a row, of which two are needed at a time.
BOOST_AUTO_TEST_CASE(memory_is_reused_unless_forbidden) {
  Tape tape;
  Var y = tape.stored(Tensor{Shape{16}, DType::f64});
  for (int i = 0; i < 7; ++i) y = custom({.name = "copy"}, {y});
  BOOST_TEST((Plan{tape, std::array{y}, {.reuse_memory = true}}.arena_bytes()) == 2 * 128U);
  BOOST_TEST((Plan{tape, std::array{y}, {.reuse_memory = false}}.arena_bytes()) == 7 * 128U);
}

BOOST_AUTO_TEST_CASE(scratch_memory_is_writable_and_no_ones_value) {
  const auto bind = [](const Binding& binding) {
    BOOST_TEST(binding.scratch(0) == nullptr);
    return Kernel{[scratch = binding.scratch(256), src = binding.input<const double>(0),
                   dst = binding.output<double>(0)] {
                    std::fill_n(static_cast<double*>(scratch->data()), 32, -1.0);
                    for (int i = 0; i < 32; ++i) dst.get()[i] = src.get()[i] + 1;
                    std::fill_n(static_cast<double*>(scratch->data()), 32, -1.0);
                  },
                  "loop"};
  };
  Tape tape;
  const Var x = tape.stored(Tensor{Shape{32}, DType::f64});
  const Var first = custom({.name = "increment", .bind = bind}, {x});
  const Var second = custom({.name = "increment", .bind = bind}, {first});
  Plan plan{tape, std::array{first, second}};
  BOOST_TEST(plan.arena_bytes() == 3 * 256U);
  plan.run();
  BOOST_TEST(values_of(plan.output(0)) == Values(32, 1), boost::test_tools::per_element());
  BOOST_TEST(values_of(plan.output(1)) == Values(32, 2), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_input_that_is_read_must_be_bound) {
  Tape tape;
  const Var images = tape.input({2}, DType::f64, "images");
  const Var labels = tape.input({2}, DType::f64, "labels");
  Plan plan{tape, std::array{images * labels}};
  plan.bind(images, Tensor{Shape{2}, DType::f64});
  BOOST_TEST(text_of<Error>([&] { plan.run(); }) == "input 'labels' of the plan has nothing bound to it yet");
  plan.bind(labels, Tensor{Shape{2}, DType::f64});
  BOOST_CHECK_NO_THROW(plan.run());
}

BOOST_AUTO_TEST_CASE(only_tensors_of_the_inputs_type_can_be_bound) {
  Polynomial p;
  Plan plan{p.tape, std::array{p.y}};
  BOOST_TEST(text_of<ShapeError>([&] {
               plan.bind(p.x, Tensor{Shape{3}, DType::f64});
             }) == "input 'x' of the plan is f64 (2), but f64 (3) was given");
  BOOST_TEST(
      text_of<keel::NoValuesError>([&] { plan.bind(p.x, Tensor{}); }) ==
      "the tensor given as input 'x' of the plan, which is f64 (2), has no values: it was moved from, or "
      "never given any; use the tensor that it was moved into, or make one of the shape wanted");
  BOOST_CHECK_THROW(plan.bind(p.x, (Tensor{Shape{2}, DType::f32})), ShapeError);
  BOOST_CHECK_THROW(plan.run(), Error);
}

BOOST_AUTO_TEST_CASE(only_inputs_can_be_bound) {
  Polynomial p;
  Plan plan{p.tape, std::array{p.y}};
  const Tensor tensor{Shape{2}, DType::f64};
  BOOST_TEST(text_of<Error>([&] { plan.bind(p.y, tensor); }) == "value 2 is not an input of the plan");
  BOOST_CHECK_THROW(plan.bind(1000, tensor), Error);
  BOOST_CHECK_THROW(plan.bind(Var{}, tensor), Error);
}

BOOST_AUTO_TEST_CASE(outputs_must_be_values_on_the_plans_tape) {
  Polynomial p;
  Polynomial other;
  BOOST_TEST(text_of<Error>([&] { Plan(p.tape, std::array{other.y}); }) ==
             "a plan's outputs must be on the tape that it compiles");
  BOOST_CHECK_THROW(Plan(p.tape, std::array{Var{}}), Error);
}

BOOST_AUTO_TEST_SUITE_END()
