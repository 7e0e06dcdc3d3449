#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/models/batch_norm.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/linear.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::throws_with;

template <class Model>
std::vector<std::string> names(Model& model) {
  std::vector<std::string> result;
  for (const auto& [path, parameter] : parameters(model))
    result.push_back(path + " " + to_string(parameter->shape()));
  return result;
}

template <class Model>
std::int64_t trained(Model& model) {
  std::int64_t count = 0;
  for (const auto& [path, parameter] : parameters(model))
    if (parameter->kind() == Parameter::Kind::trained) count += parameter->shape().elements();
  return count;
}

struct Stack {
  std::vector<Linear> layers;
  Linear last{2, 1};
  Stack() {
    layers.emplace_back(4, 3);
    layers.emplace_back(3, 2, LinearOptions{.bias = false});
  }
  void visit(auto&& each) {
    each("layers", layers);
    each("last", last);
    each("again", last);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(layers_test)

BOOST_AUTO_TEST_CASE(linear_has_weights_as_pytorch_stores_them_and_a_bias_if_asked) {
  Linear with{3, 5};
  BOOST_TEST(names(with) == (std::vector<std::string>{"weights (5, 3)", "bias (5)"}),
             boost::test_tools::per_element());
  Linear without{3, 5, {.bias = false}};
  BOOST_TEST(names(without) == std::vector<std::string>{"weights (5, 3)"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(batch_norm_has_two_trained_parameters_and_three_of_state) {
  BatchNorm norm{7};
  BOOST_TEST(names(norm) == (std::vector<std::string>{"gamma (7)", "beta (7)", "running_mean (7)",
                                                      "running_variance (7)", "updates ()"}),
             boost::test_tools::per_element());
  BOOST_TEST(trained(norm) == 14);
}

BOOST_AUTO_TEST_CASE(ranges_of_layers_are_numbered_and_shared_ones_count_once) {
  Stack stack;
  BOOST_TEST(names(stack) == (std::vector<std::string>{"layers.0.weights (3, 4)", "layers.0.bias (3)",
                                                       "layers.1.weights (2, 3)", "last.weights (1, 2)",
                                                       "last.bias (1)"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_layer_without_values_says_what_to_call) {
  const Linear layer{3, 5};
  Tape tape;
  BOOST_TEST(throws_with<Error>(
      [&] {
        layer(tape.input(Shape{2, 3}));
      },
      {"has no values yet", "keel::initialize"}));
  const BatchNorm norm{3};
  BOOST_TEST(throws_with<Error>(
      [&] {
        norm(tape.input(Shape{2, 3}));
      },
      {"has no values yet", "keel::initialize"}));
}

BOOST_AUTO_TEST_CASE(an_input_of_the_wrong_width_is_named_with_the_caller_s_line) {
  Linear layer{3, 5};
  BatchNorm norm{3};
  initialize(layer, Rng{1});
  initialize(norm, Rng{1});
  Tape tape;
  const Var src = tape.input(Shape{2, 4});
  const std::string line = "layers_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { layer(src); };
  BOOST_TEST(throws_with<ShapeError>(call, {"src has 4 features", "expect 3", line}));
  BOOST_TEST(throws_with<ShapeError>([&] { norm(src); }, {"gamma must be (4), not (3)", "layers_test.cpp:"}));
}

BOOST_AUTO_TEST_SUITE_END()
