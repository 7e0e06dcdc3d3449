// A loss of keel's is given to a step by its bare name, whatever options it would take.

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;

// The loss of a step whose model passes on what it is given.
template <class Loss>
double first_loss(const Loss& loss, const Tensor& target) {
  Linear model{2, 2, {.bias = false, .weights = initializers::constant(1)}};
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, loss};
  return step(Tensor::of<float>({1, 2}, {1, 1}), target);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(loss_names_test)

// Of predictions (2, 2).
BOOST_AUTO_TEST_CASE(every_loss_may_be_given_by_its_name) {
  const Tensor target = Tensor::of<float>({1, 2}, {1, 0});
  BOOST_TEST(first_loss(l1, target) == 1.5);
  BOOST_TEST(first_loss(keel::l1, target) == 1.5);
  BOOST_TEST(first_loss(&keel::mse, target) == 2.5);
  BOOST_TEST(first_loss(huber, target) == 1.0);
  BOOST_TEST(first_loss(smooth_l1, target) == 1.0);
  const double of_two = std::log1p(std::exp(2.0));
  BOOST_TEST(first_loss(binary_cross_entropy_with_logits, target) == of_two - 1,
             boost::test_tools::tolerance(1e-6));
  const Tensor label = Tensor::of<std::int32_t>({1}, {1});
  BOOST_TEST(first_loss(cross_entropy, label) == std::log(2.0), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(first_loss(nll, label) == -2.0);
}

BOOST_AUTO_TEST_CASE(options_come_with_a_lambda) {
  const auto summed = [](const Var& prediction, const Var& target) {
    return l1(prediction, target, {.reduction = Reduction::sum});
  };
  BOOST_TEST(first_loss(summed, Tensor::of<float>({1, 2}, {1, 0})) == 3.0);
}

BOOST_AUTO_TEST_CASE(gradcheck_and_the_hessian_take_them_as_well) {
  Linear model{2, 2};
  initialize(model, Rng{1});
  const std::vector inputs{test::random_tensor({3, 2})};
  const std::vector targets{test::random_tensor({3, 2}, DType::f64, 2)};
  const auto report = gradcheck(model, huber, inputs, targets);
  BOOST_TEST(report.ok, report.text);
  Hessian hessian{model, binary_cross_entropy_with_logits, std::vector{test::random_tensor({3, 2}, 1)},
                  std::vector{Tensor{{3, 2}}}};
  BOOST_TEST(hessian.largest_eigenvalues(1).at(0) > 0.0);
}

// A mistake in the shapes names the line where the step was made.
BOOST_AUTO_TEST_CASE(the_line_of_the_step_is_named) {
  Linear model{2, 2};
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  const std::string line = "loss_names_test.cpp:" + std::to_string(__LINE__ + 1);
  TrainingStep step{model, sgd, l1};
  BOOST_TEST(test::throws_with<ShapeError>([&] { step(Tensor{{1, 2}}, Tensor{{1, 3}}); }, {line, "l1"}));
}

BOOST_AUTO_TEST_SUITE_END()
