#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::converted;
using test::random_tensor;
using test::values;

using Vector = std::vector<double>;

struct Scales {
  Parameter scale{Shape{3, 7}, Initializer::uniform(0.5, 1.5)};
  Var operator()(const Var& src) { return sum(scale.on(src.tape(), "scale") * src); }
  void visit(auto&& each) { each("scale", scale); }
};

// Four steps whose gradients are the inputs, against `update` of one parameter, what is kept of it, gradient.
template <class Optimizer>
void check(const Optimizer& optimizer, const std::function<void(double&, double&, double)>& update) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Scales model;
    initialize(model, Rng{1}, dtype);
    Optimizer own{optimizer};
    TrainingStep step{model, own, [](const Var& value) { return value; }};
    auto expected = values(model.scale.value());
    Vector kept(expected.size(), 0.0);
    for (std::uint64_t i = 1; i <= 4; ++i) {
      const Tensor grad = converted(random_tensor({3, 7}, i), dtype);
      step(grad);
      for (std::size_t k = 0; k < expected.size(); ++k) update(expected[k], kept[k], values(grad)[k]);
    }
    const double bound = dtype == DType::f32 ? 1e-5 : 1e-14;
    BOOST_TEST(test::within(values(model.scale.value()), expected, bound));
    BOOST_TEST(test::within(values(own.state(model)[1].value), kept, bound));
    own.reset();
    BOOST_TEST(values(own.state(model)[1].value) == Vector(21, 0.0), boost::test_tools::per_element());
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rmsprop_lion_test)

BOOST_AUTO_TEST_CASE(rmsprop_is_pytorch_s) {
  for (const double decay : {0.0, 0.2}) {
    check(Rmsprop{{.learning_rate = 0.01, .alpha = 0.9, .epsilon = 1e-4, .weight_decay = decay}},
          [&](double& parameter, double& square, double grad) {
            grad += decay * parameter;
            square = 0.9 * square + 0.1 * grad * grad;
            parameter -= 0.01 * grad / (std::sqrt(square) + 1e-4);
          });
  }
}

BOOST_AUTO_TEST_CASE(lion_is_the_paper_s) {
  for (const double decay : {0.0, 0.2}) {
    check(Lion{{.learning_rate = 0.01, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = decay}},
          [&](double& parameter, double& mean, double grad) {
            const double direction = 0.8 * mean + 0.2 * grad;
            parameter = (1 - 0.01 * decay) * parameter - 0.01 * (direction > 0 ? 1.0 : -1.0);
            mean = 0.95 * mean + 0.05 * grad;
          });
  }
}

BOOST_AUTO_TEST_CASE(lion_stands_still_without_a_gradient) {
  Scales model;
  initialize(model, Rng{1});
  Lion lion{{.learning_rate = 0.01}};
  TrainingStep step{model, lion, [](const Var& value) { return value; }};
  const auto before = values(model.scale.value());
  step(Tensor{{3, 7}});
  BOOST_TEST((values(model.scale.value()) == before));
}

// PyTorch's Adam: the decay goes through the moments.
BOOST_AUTO_TEST_CASE(adam_s_decay_that_is_not_decoupled_is_a_part_of_the_gradient) {
  Scales model;
  initialize(model, Rng{1}, DType::f64);
  Adam adam{{.learning_rate = 0.01, .weight_decay = 0.2, .decoupled = false}};
  TrainingStep step{model, adam, [](const Var& value) { return value; }};
  auto expected = values(model.scale.value());
  Vector mean(21, 0.0);
  Vector variance(21, 0.0);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    const Tensor grads = converted(random_tensor({3, 7}, i), DType::f64);
    step(grads);
    for (std::size_t k = 0; k < 21; ++k) {
      const double grad = values(grads)[k] + 0.2 * expected[k];
      mean[k] = 0.9 * mean[k] + 0.1 * grad;
      variance[k] = 0.999 * variance[k] + 0.001 * grad * grad;
      const auto n = static_cast<double>(i);
      expected[k] -= 0.01 / (1 - std::pow(0.9, n)) * mean[k] /
                     (std::sqrt(variance[k] / (1 - std::pow(0.999, n))) + 1e-8);
    }
  }
  BOOST_TEST(test::within(values(model.scale.value()), expected, 1e-14));
}

BOOST_AUTO_TEST_CASE(options_out_of_range_are_refused) {
  const auto refuses = [](auto make, std::string_view option) {
    BOOST_TEST(test::throws_with<Error>(make, {option}));
  };
  refuses([] { Rmsprop{{.alpha = 1.0}}; }, "alpha");
  refuses([] { Rmsprop{{.epsilon = 0.0}}; }, "epsilon");
  refuses([] { Rmsprop{{.learning_rate = -1.0}}; }, "learning rate");
  refuses([] { Lion{{.beta1 = -0.1}}; }, "beta1");
  refuses([] { Lion{{.beta2 = 1.0}}; }, "beta2");
  refuses([] { Lion{{.weight_decay = -1.0}}; }, "weight_decay");
  refuses([] { Lion{{.clip_norm = 0.0}}; }, "clip_norm");
}

BOOST_AUTO_TEST_SUITE_END()
