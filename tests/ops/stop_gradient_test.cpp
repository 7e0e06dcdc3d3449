#include "keel/ops/stop_gradient.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::values;

bool has_step(const Plan& plan, std::string_view name) {
  return std::ranges::any_of(plan.steps(), [&](const auto& step) { return step.node.op->name() == name; });
}

struct Half {
  Linear one{4, 4}, other{4, 4};
  Var operator()(const Var& src) { return one(src) - stop_gradient(other(src)); }
  void visit(auto&& each) { each("one", one), each("other", other); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(stop_gradient_test)

BOOST_AUTO_TEST_CASE(values_pass_without_a_kernel_and_gradients_do_not) {
  Tape tape;
  const Tensor elements = random_tensor({3, 4}, 1);
  const Var x = tape.stored(elements);
  const Var loss = sum(square(x) * stop_gradient(square(x)));
  const std::array wrt{x};
  auto outputs = gradients(loss, wrt);
  outputs.push_back(loss);
  Plan plan{tape, outputs};
  plan.run();
  double expected = 0.0;
  std::vector<double> grad;
  for (const double e : values(elements)) {
    expected += e * e * e * e;
    grad.push_back(2 * e * e * e);  // the one factor alone is differentiated
  }
  BOOST_TEST(test::within(values(plan.output(0)), grad, 1e-5));
  BOOST_TEST(test::within(values(plan.output(1)), std::array{expected}, 1e-5));
  BOOST_TEST(!has_step(plan, "stop_gradient"));
}

BOOST_AUTO_TEST_CASE(nothing_in_front_of_it_has_a_gradient_and_no_derivative_is_asked_for_behind_it) {
  Tape tape;
  const Var x = tape.stored(random_tensor({3, 4}, 1));
  const auto nodes = [&] { return tape.program().nodes.size(); };
  // argmax has no derivative.
  const Var stopped = stop_gradient(x);
  argmax(stopped, -1);
  const Var loss = sum(stopped);
  const auto before = nodes();
  const std::array wrt{x};
  const auto grads = gradients(loss, wrt);
  BOOST_TEST(nodes() == before);
  Plan plan{tape, grads};
  plan.run();
  BOOST_TEST(values(plan.output(0)) == std::vector(12, 0.0), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(images_stay_with_their_channels_last) {
  Tape tape;
  const Var src = tape.stored(random_tensor({2, 8, 6, 6}, 1));
  const Var weights = tape.stored(random_tensor({8, 8, 3, 3}, 2));
  const auto layer = [&](const Var& images) { return conv2d(images, weights, {}, {.padding = 1}); };
  const auto reorders = [&](const Var& dst) {
    const Plan plan{tape, std::array{dst}};
    return std::ranges::count_if(plan.steps(),
                                 [](const auto& step) { return step.node.op->name() == "reorder"; });
  };
  BOOST_TEST(reorders(layer(stop_gradient(layer(src)))) == reorders(layer(layer(src))));
}

// By momentum or decay it would move.
BOOST_AUTO_TEST_CASE(a_parameter_that_the_loss_depends_on_through_it_alone_has_no_part_in_a_step) {
  Half model;
  initialize(model, Rng{1});
  const auto all = parameters(model);
  Adam adam{{.learning_rate = 0.1, .weight_decay = 0.5}};
  TrainingStep step{model, adam, mse};
  const auto one = values(all[0].parameter->value());
  const auto other = values(all[2].parameter->value());
  const Tensor batch = random_tensor({5, 4}, 1);
  step(batch, batch);
  BOOST_TEST((values(all[0].parameter->value()) != one));
  BOOST_TEST((values(all[2].parameter->value()) == other));
}

BOOST_AUTO_TEST_SUITE_END()
