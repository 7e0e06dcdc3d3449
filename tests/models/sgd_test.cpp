#include "keel/models/sgd.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::throws_with;

// Predicts weight * x; under the loss mean(prediction * label) the gradient of the weight is mean(x * label).
struct Scale {
  Parameter weight{Shape{}, Initializer::constant(1.0)};
  Var operator()(const Var& src) { return src * src.tape().stored(weight.value(), "weight"); }
  void visit(auto&& each) { each("weight", weight); }
};

Var product_loss(const Var& predictions, const Var& labels) {
  return mean(predictions * labels);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sgd_test)

BOOST_AUTO_TEST_CASE(options_out_of_range_are_named) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double momentum : {-0.1, 1.0, nan})
    BOOST_TEST(throws_with<Error>([&] { Sgd({.momentum = momentum}); }, {"momentum must be in [0, 1)"}));
  for (const double decay : {-0.1, HUGE_VAL, nan})
    BOOST_TEST(throws_with<Error>([&] { Sgd({.weight_decay = decay}); }, {"weight_decay must be 0 or a"}));
  for (const double norm : {0.0, -1.0, nan})
    BOOST_TEST(throws_with<Error>([&] { Sgd({.clip_norm = norm}); }, {"clip_norm must be positive"}));
  BOOST_TEST(throws_with<Error>([] { Sgd({.nesterov = true}); }, {"nesterov", "the momentum, which is 0"}));
  for (const double rate : {-0.1, HUGE_VAL, nan}) {
    BOOST_TEST(
        throws_with<Error>([&] { Sgd({.learning_rate = rate}); }, {"learning rate must be 0 or a positive"}));
    Sgd sgd{{.learning_rate = 0.5}};
    BOOST_TEST(throws_with<Error>([&] { sgd.set_learning_rate(rate); },
                                  {"not " + std::to_string(rate).substr(0, 3)}));
    BOOST_TEST(sgd.learning_rate() == 0.5);
  }
}

BOOST_AUTO_TEST_CASE(a_model_without_parameters_is_an_error) {
  Sgd sgd{{}};
  BOOST_TEST(throws_with<Error>([&] { sgd.update({}, {}); }, {"sgd_test.cpp:", "no parameters"}));
}

BOOST_AUTO_TEST_CASE(compiled_steps_follow_a_change_of_the_learning_rate) {
  Scale model;
  initialize(model, Rng{1}, DType::f64);
  Sgd sgd{{.learning_rate = 0.25, .momentum = 0.5}};
  TrainingStep step{model, sgd, product_loss};
  const Tensor ones = Tensor::of<double>({2}, {1, 1});
  const auto weight = [&] { return model.weight.value().data<double>()[0]; };
  BOOST_TEST(step(ones, ones) == 1.0);
  BOOST_TEST(weight() == 0.75);  // velocity 1
  sgd.set_learning_rate(1.0);
  BOOST_TEST(step(ones, ones) == 0.75);
  BOOST_TEST(weight() == -0.75);  // velocity 1.5
  sgd.set_learning_rate(0.0);
  step(ones, ones);
  BOOST_TEST(weight() == -0.75);  // velocity 1.75 all the same
  sgd.set_learning_rate(1.0);
  step(ones, ones);
  BOOST_TEST(weight() == -0.75 - 1.875);
}

BOOST_AUTO_TEST_CASE(steps_for_different_shapes_share_the_velocities) {
  Scale model;
  initialize(model, Rng{1}, DType::f64);
  Sgd sgd{{.learning_rate = 1.0, .momentum = 0.5}};
  TrainingStep step{model, sgd, product_loss};
  const Tensor two = Tensor::of<double>({2}, {1, 1});
  const Tensor three = Tensor::of<double>({3}, {1, 1, 1});
  step(two, two);
  BOOST_TEST(model.weight.value().data<double>()[0] == 0.0);
  step(three, three);
  BOOST_TEST(model.weight.value().data<double>()[0] == -1.5);
}

BOOST_AUTO_TEST_SUITE_END()
