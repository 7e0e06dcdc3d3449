#include "keel/models/sequential.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::values;

template <class Model>
std::vector<std::string> paths_of(Model& model) {
  std::vector<std::string> paths;
  for (const auto& [path, parameter] : parameters(model)) paths.push_back(path);
  return paths;
}

auto classifier() {
  return Sequential{Linear{6, 16, {.bias = false}}, BatchNorm{16}, relu, Linear{16, 3}};
}

// The same layers by hand, under the same names.
struct ByHand {
  Linear first{6, 16, {.bias = false}};
  BatchNorm norm{16};
  Linear last{16, 3};
  Var operator()(const Var& src) { return last(relu(norm(first(src)))); }
  void visit(auto&& each) {
    each("0", first);
    each("1", norm);
    each("3", last);
  }
};

template <class Model>
std::vector<double> losses(Model& model) {
  initialize(model, Rng{4});
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  std::vector<double> result;
  for (std::uint64_t i = 1; i <= 10; ++i)
    result.push_back(step(random_tensor({16, 6}, i), random_labels(16, 3, i)));
  return result;
}

// A model of one's own with a Sequential in it.
struct Outer {
  Sequential<Linear, BatchNorm> body{Linear{6, 8}, BatchNorm{8}};
  Linear head{8, 3};
  Var operator()(const Var& src) const { return head(body(src)); }
  void visit(auto&& each) {
    each("body", body);
    each("head", head);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sequential_test)

BOOST_AUTO_TEST_CASE(layers_are_named_by_their_place) {
  auto model = classifier();
  BOOST_TEST(
      paths_of(model) == (std::vector<std::string>{"0.weights", "1.gamma", "1.beta", "1.running_mean",
                                                   "1.running_variance", "1.updates", "3.weights", "3.bias"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(it_trains_as_the_same_layers_by_hand_bit_for_bit) {
  auto model = classifier();
  ByHand by_hand;
  BOOST_TEST((losses(model) == losses(by_hand)));
  Inference one{model};
  Inference other{by_hand};
  const Tensor images = random_tensor({5, 6}, 99);
  BOOST_TEST((values(one(images)) == values(other(images))));
}

BOOST_AUTO_TEST_CASE(functions_lambdas_and_models_are_layers_alike) {
  Mlp mlp{{.inputs = 6, .hidden = {8}, .classes = 5}};
  Sequential model{std::move(mlp), relu, [](const Var& src) { return src + src; }, sigmoid,
                   Sequential{Dropout{0.5}, Linear{5, 2}}};
  initialize(model, Rng{1});
  BOOST_TEST(
      paths_of(model) == (std::vector<std::string>{"0.fc1.weights", "0.fc1.bias", "0.fc2.weights",
                                                   "0.fc2.bias", "4.0.stream", "4.1.weights", "4.1.bias"}),
      boost::test_tools::per_element());
  Tape tape;
  BOOST_TEST(to_string(model(tape.input(Shape{3, 6})).shape()) == "(3, 2)");
}

BOOST_AUTO_TEST_CASE(it_is_a_layer_of_other_models) {
  Outer model;
  BOOST_TEST(paths_of(model).front() == "body.0.weights");
  const auto trained = losses(model);
  BOOST_TEST(trained.back() != trained.front());
  BOOST_TEST(parameters(model)[2].path == "body.1.gamma");
  BOOST_TEST(values(parameters(model)[6].parameter->value())[0] == 10);  // updates
}

BOOST_AUTO_TEST_CASE(an_error_names_the_line_that_called_it) {
  auto model = classifier();
  initialize(model, Rng{1});
  Tape tape;
  const Var src = tape.input(Shape{3, 7});
  const std::string line = "sequential_test.cpp:" + std::to_string(__LINE__ + 1);
  BOOST_TEST(test::throws_with<ShapeError>([&] { model(src); }, {"src has 7 features", line}));
}

BOOST_AUTO_TEST_SUITE_END()
