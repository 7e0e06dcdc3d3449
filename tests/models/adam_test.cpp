#include "keel/models/adam.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "../support/ops_support.hpp"
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
  [[nodiscard]] double value() const { return weight.value().data<double>()[0]; }
};

Var product_loss(const Var& predictions, const Var& labels) {
  return mean(predictions * labels);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(adam_test)

BOOST_AUTO_TEST_CASE(options_out_of_range_are_named) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {-0.1, 1.0, nan}) {
    BOOST_TEST(throws_with<Error>([&] { Adam({.beta1 = bad}); }, {"beta1 must be in [0, 1), not"}));
    BOOST_TEST(throws_with<Error>([&] { Adam({.beta2 = bad}); }, {"beta2 must be in [0, 1), not"}));
  }
  for (const double bad : {-0.1, HUGE_VAL, nan}) {
    BOOST_TEST(throws_with<Error>([&] { Adam({.learning_rate = bad}); }, {"learning rate must be 0 or a"}));
    BOOST_TEST(throws_with<Error>([&] { Adam({.weight_decay = bad}); }, {"weight_decay must be 0 or a"}));
  }
  for (const double bad : {0.0, 1e-40, HUGE_VAL, nan})
    BOOST_TEST(throws_with<Error>([&] { Adam({.epsilon = bad}); }, {"epsilon must be a number of at least"}));
  for (const double bad : {0.0, -1.0, nan})
    BOOST_TEST(throws_with<Error>([&] { Adam({.clip_norm = bad}); }, {"clip_norm must be positive"}));
}

BOOST_AUTO_TEST_CASE(a_model_without_parameters_is_an_error) {
  Adam adam{{}};
  BOOST_TEST(throws_with<Error>([&] { adam.update({}, {}); }, {"Adam at adam_test.cpp:", "no parameters"}));
}

// The gradient is 1 throughout, and so are both unbiased moments: each step moves by rate / (1 + epsilon).
BOOST_AUTO_TEST_CASE(steps_for_different_shapes_share_moments_and_count_and_follow_the_rate) {
  Scale model;
  initialize(model, Rng{1}, DType::f64);
  Adam adam{{.learning_rate = 0.25, .epsilon = 1.0}};
  TrainingStep step{model, adam, product_loss};
  const Tensor two = Tensor::of<double>({2}, {1, 1});
  const Tensor three = Tensor::of<double>({3}, {1, 1, 1});
  step(two, two);
  BOOST_TEST(std::abs(model.value() - 0.875) < 1e-12);
  step(three, three);
  BOOST_TEST(std::abs(model.value() - 0.75) < 1e-12);
  adam.set_learning_rate(1.0);
  BOOST_TEST(adam.learning_rate() == 1.0);
  step(two, two);
  BOOST_TEST(std::abs(model.value() - 0.25) < 1e-12);
  BOOST_TEST(adam.steps() == 3);
}

BOOST_AUTO_TEST_SUITE_END()
