#include "keel/models/value_and_grad.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::values;

struct Net {
  Linear fc1{4, 8}, fc2{8, 3}, unused{3, 3};
  BatchNorm bn{8};
  Dropout dropout{0.5};
  Var operator()(const Var& src) { return fc2(dropout(relu(bn(fc1(src))))); }
  void visit(auto&& each) {
    each("fc1", fc1), each("bn", bn), each("dropout", dropout), each("fc2", fc2), each("unused", unused);
  }
};

std::vector<std::string> paths_of(const LossAndGrads& result) {
  std::vector<std::string> paths;
  for (const auto& [path, grad] : result.grads) paths.push_back(path);
  return paths;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(value_and_grad_test)

BOOST_AUTO_TEST_CASE(a_function_s_gradient_by_each_of_its_inputs) {
  auto cubes = value_and_grad([](Var x, Var y) { return sum(x * square(y)); });
  for (const std::int64_t count : {3, 5, 3}) {
    const Tensor x = random_tensor({count}, 1);
    const Tensor y = random_tensor({count}, 2);
    const auto [value, grads] = cubes(x, y);
    double expected = 0.0;
    std::vector<double> by_x;
    std::vector<double> by_y;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const double a = values(x)[i];
      const double b = values(y)[i];
      expected += a * b * b;
      by_x.push_back(b * b);
      by_y.push_back(2 * a * b);
    }
    BOOST_TEST(std::abs(value - expected) < 1e-5);
    BOOST_TEST(test::within(values(grads.at(0)), by_x, 1e-5));
    BOOST_TEST(test::within(values(grads.at(1)), by_y, 1e-5));
  }
}

BOOST_AUTO_TEST_CASE(integers_have_no_gradient_and_what_the_value_does_not_depend_on_has_zeros) {
  auto loss = value_and_grad([](Var logits, Var labels, Var ignored) {
    (void)ignored;
    return cross_entropy(logits, labels);
  });
  const auto grads = loss(random_tensor({4, 3}, 1), random_labels(4, 3), random_tensor({2}, 2)).grads;
  BOOST_TEST(grads.size() == 3U);
  BOOST_TEST(!grads[1].defined());
  BOOST_TEST(values(grads[2]) == std::vector(2, 0.0), boost::test_tools::per_element());
}

// Writing into what it returns changes no input and no parameter.
BOOST_AUTO_TEST_CASE(what_is_returned_is_nobody_else_s_memory) {
  auto itself = value_and_grad([](Var x) { return x; });
  const Tensor x = Tensor::of<float>({}, {3});
  const auto result = itself(x);
  BOOST_TEST(result.value == 3.0);
  result.grads[0].data<float>()[0] = 9;
  BOOST_TEST(values(itself(x).grads[0])[0] == 1.0);
  auto product = value_and_grad([](Var a, Var b) { return sum(a * b); });
  const Tensor a = random_tensor({2}, 1);
  const Tensor b = random_tensor({2}, 2);
  const auto before = values(b);
  product(a, b).grads[0].data<float>()[0] = 9;
  BOOST_TEST((values(b) == before));
}

BOOST_AUTO_TEST_CASE(a_gradient_of_a_gradient) {
  auto penalty = value_and_grad([](Var x) {
    const std::array wrt{x};
    return sum(square(gradients(sum(x * square(x)), wrt)[0]));  // 9 x^4
  });
  const Tensor x = random_tensor({4}, 1);
  std::vector<double> expected;
  for (const double e : values(x)) expected.push_back(36 * e * e * e);
  BOOST_TEST(test::within(values(penalty(x).grads[0]), expected, 1e-4));
}

BOOST_AUTO_TEST_CASE(a_model_in_it_is_in_inference_and_followed) {
  Net net;
  initialize(net, Rng{1});
  const Tensor images = random_tensor({6, 4}, 1);
  const Tensor labels = random_labels(6, 3);
  auto attack = value_and_grad([&](Var x, Var y) { return cross_entropy(net(x), y); });
  const double first = attack(images, labels).value;
  BOOST_TEST(attack(images, labels).value == first);
  Inference predict{net};
  auto of_logits = value_and_grad([](Var x, Var y) { return cross_entropy(x, y); });
  BOOST_TEST(of_logits(predict(images), labels).value == first);
  initialize(net, Rng{2});
  BOOST_TEST(attack(images, labels).value != first);
}

// With a rate of 1 a step of SGD moves by the gradient.
BOOST_AUTO_TEST_CASE(a_model_s_gradients_by_path_are_those_that_a_training_step_follows) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Net net;
    Net stepped;
    initialize(net, Rng{1}, dtype);
    initialize(stepped, Rng{1}, dtype);
    const Tensor images = test::converted(random_tensor({6, 4}, 1), dtype);
    const Tensor labels = random_labels(6, 3);
    Sgd sgd{{.learning_rate = 1.0}};
    TrainingStep step{stepped, sgd, cross_entropy};
    auto gradient = value_and_grad(net, cross_entropy);
    const auto result = gradient(images, labels);
    BOOST_TEST(result.loss == step(images, labels));
    const std::vector<std::string> expected{"bn.beta",     "bn.gamma", "fc1.bias",
                                            "fc1.weights", "fc2.bias", "fc2.weights"};
    BOOST_TEST(paths_of(result) == expected, boost::test_tools::per_element());
    const auto all = parameters(net);
    const auto others = parameters(stepped);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].parameter->kind() == Parameter::Kind::state) continue;
      auto value = values(all[i].parameter->value());
      if (const auto found = result.grads.find(all[i].path); found != result.grads.end()) {
        const auto grad = values(found->second);
        for (std::size_t k = 0; k < grad.size(); ++k) value[k] -= grad[k];
      }  // statistics move alike
      const double bound = dtype == DType::f32 ? 1e-6 : 1e-15;
      BOOST_TEST(test::within(value, values(others[i].parameter->value()), bound), all[i].path);
    }
  }
}

BOOST_AUTO_TEST_CASE(frozen_parameters_have_no_gradient_and_a_guard_leaves_no_trace) {
  Net net;
  initialize(net, Rng{1});
  freeze(net.fc1);
  auto gradient = value_and_grad(net, cross_entropy);
  const Tensor images = random_tensor({6, 4}, 1);
  const Tensor labels = random_labels(6, 3);
  double first = 0.0;
  {
    const StatisticsGuard guard{parameters(net)};
    first = gradient(images, labels).loss;
  }
  BOOST_TEST(gradient(images, labels).loss == first);  // the same masks
  const std::vector<std::string> expected{"bn.beta", "bn.gamma", "fc2.bias", "fc2.weights"};
  BOOST_TEST(paths_of(gradient(images, labels)) == expected, boost::test_tools::per_element());
  unfreeze(net.fc1);
  BOOST_TEST(paths_of(gradient(images, labels)).size() == 6U);
}

BOOST_AUTO_TEST_CASE(errors_name_the_line_that_made_it) {
  auto wide = value_and_grad([](Var x) { return square(x); });
  BOOST_TEST(test::throws_with<ShapeError>([&] { wide(random_tensor({2}, 1)); },
                                           {"value_and_grad_test.cpp:", "must be a scalar"}));
}

BOOST_AUTO_TEST_SUITE_END()
