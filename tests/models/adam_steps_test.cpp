// Adam counts the steps of each parameter: what joins later begins with its first one.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <optional>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;

// x times the sum of the weights: the gradient of each is x. `second` may join later.
struct Weights {
  Parameter first{Shape{}, Initializer::constant(0.0)};
  std::optional<Parameter> second;

  Var operator()(const Var& x) {
    Var sum = first.on(x.tape(), "first");
    if (second) sum = sum + second->on(x.tape(), "second");
    return x * sum;
  }
  void visit(auto&& each) {
    each("first", first);
    if (second) each("second", *second);
  }
};

Var total(const Var& prediction) {
  return sum(prediction);
}

double number(const Parameter& parameter) {
  return parameter.value().data<double>()[0];
}

struct Fixture {
  Tensor one = Tensor::of<double>({1}, {1.0});
  Adam adam{{.learning_rate = 0.001}};
  Weights model;

  Fixture() {
    model.second.emplace(Shape{}, Initializer::constant(0.0));
    initialize(model, Rng{1}, DType::f64);
  }

  // By how much a step moves each parameter. Under a constant gradient of 1 both unbiased moments are 1 at every
  // step, so each moves by the rate, but for epsilon.
  void moves_both_by_the_rate(auto& step) {
    const double first = number(model.first);
    const double second = number(*model.second);
    step(one);
    BOOST_TEST(std::abs(number(model.first) - first + 0.001) < 1e-9);
    BOOST_TEST(std::abs(number(*model.second) - second + 0.001) < 1e-9);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(adam_steps_test, Fixture)

BOOST_AUTO_TEST_CASE(what_is_unfrozen_later_begins_with_step_one) {
  TrainingStep step{model, adam, total};
  model.second->set_frozen(true);
  for (int i = 0; i < 1000; ++i) step(one);
  BOOST_TEST(number(*model.second) == 0.0);
  model.second->set_frozen(false);
  for (int i = 0; i < 3; ++i) moves_both_by_the_rate(step);
}

BOOST_AUTO_TEST_CASE(steps_that_a_parameter_sits_out_do_not_count_for_it) {
  TrainingStep step{model, adam, total};
  step(one);
  for (int i = 0; i < 500; ++i) {
    model.second->set_frozen(i % 2 == 0);
    step(one);
  }
  model.second->set_frozen(false);
  for (int i = 0; i < 3; ++i) moves_both_by_the_rate(step);
  const auto state = adam.state(model);
  BOOST_TEST(state.at(3).value.data<double>()[0] == 504.0);
  BOOST_TEST(state.at(6).value.data<double>()[0] == 254.0);
  BOOST_TEST(adam.steps() == 504);
}

// Also of a step that is compiled already.
BOOST_AUTO_TEST_CASE(what_is_added_later_begins_with_step_one) {
  model.second.reset();
  TrainingStep step{model, adam, total};
  for (int i = 0; i < 1000; ++i) step(one);
  model.second.emplace(Shape{}, Initializer::constant(0.0));
  model.second->set_value(Tensor::of<double>({}, {0.5}));
  for (int i = 0; i < 3; ++i) moves_both_by_the_rate(step);
}

BOOST_AUTO_TEST_CASE(plans_of_several_shapes_share_the_counts) {
  const Tensor two = Tensor::of<double>({2}, {0.5, 0.5});
  TrainingStep step{model, adam, total};
  for (int i = 0; i < 10; ++i) step(i % 3 == 0 ? two : one);
  for (const auto& state : adam.state(model))
    if (state.name == "step") BOOST_TEST(state.value.data<double>()[0] == 10.0);
}

// Two steps take turns, of which one has no use for the second parameter: there it stands still, as PyTorch's do
// that have no gradient, whatever the optimizer gathered before.
BOOST_AUTO_TEST_CASE(what_a_loss_does_not_depend_on_has_no_part_in_the_step) {
  const auto check = [&](auto optimizer) {
    initialize(model, Rng{1}, DType::f64);
    bool uses_both = true;
    const auto loss = [&](const Var& prediction) {
      const Var& x = prediction;
      return sum(uses_both ? x : model.first.on(x.tape(), "first") * 2.0);
    };
    TrainingStep both{model, optimizer, loss};
    TrainingStep first{model, optimizer, loss};
    for (int i = 0; i < 5; ++i) {
      uses_both = true;
      both(one);
      uses_both = false;
      const double before = number(*model.second);
      const double first_before = number(model.first);
      for (int k = 0; k < 100; ++k) first(one);
      BOOST_TEST(number(*model.second) == before);
      BOOST_TEST(number(model.first) < first_before);
    }
    uses_both = true;
    const auto state = optimizer.state(model);
    return state.back().value.template data<double>()[0];
  };
  BOOST_TEST(check(Adam{{.learning_rate = 0.001, .weight_decay = 0.1, .decay = WeightDecay::everything}}) ==
             5.0);
  const double velocity = 1 + 0.5 + 0.25 + 0.125 + 0.0625;
  BOOST_TEST(check(Sgd{{.learning_rate = 0.001, .momentum = 0.5}}) == velocity);
}

BOOST_AUTO_TEST_CASE(a_loss_that_depends_on_no_parameter_changes_none) {
  TrainingStep step{model, adam, [&](const Var& x) { return sum(x.tape().stored(one)); }};
  BOOST_TEST(step(one) == 1.0);
  BOOST_TEST(number(model.first) == 0.0);
  BOOST_TEST(adam.steps() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
