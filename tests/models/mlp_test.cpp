#include "keel/models/mlp.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/training_step.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;

std::int64_t count(Mlp& model, Parameter::Kind kind) {
  std::int64_t result = 0;
  for (const auto& [path, parameter] : parameters(model)) {
    if (parameter->kind() == kind) result += parameter->shape().elements();
  }
  return result;
}

std::vector<std::string> paths_of(Mlp& model) {
  std::vector<std::string> paths;
  for (const auto& [path, parameter] : parameters(model)) paths.push_back(path);
  return paths;
}

std::vector<std::string> steps_of(Mlp& model, Mode mode) {
  CompiledFunction function{
      mode, [&](Tape&, std::span<const Var> inputs) { return std::vector{model(inputs[0])}; }};
  const std::array images{test::random_tensor({8, 12}, 1)};
  std::vector<std::string> names;
  for (const auto& step : function(images).steps()) names.emplace_back(step.node.op->name());
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mlp_test)

BOOST_AUTO_TEST_CASE(the_plain_network_of_784_128_10_trains_101770_parameters) {
  Mlp model;
  BOOST_TEST(count(model, Parameter::Kind::trained) == 101'770);
  BOOST_TEST(count(model, Parameter::Kind::statistic) == 0);
}

BOOST_AUTO_TEST_CASE(with_batch_norm_it_trains_101898_and_keeps_257_of_state) {
  Mlp model{{.batch_norm = true}};
  BOOST_TEST(count(model, Parameter::Kind::trained) == 101'898);
  BOOST_TEST(count(model, Parameter::Kind::statistic) == 257);
}

BOOST_AUTO_TEST_CASE(parameters_are_named_by_layer_in_the_order_of_the_forward_pass) {
  Mlp plain{{.inputs = 12, .hidden = {8, 6}, .classes = 3}};
  BOOST_TEST(paths_of(plain) == (std::vector<std::string>{"fc1.weights", "fc1.bias", "fc2.weights",
                                                          "fc2.bias", "fc3.weights", "fc3.bias"}),
             boost::test_tools::per_element());
  Mlp normalized{{.inputs = 12, .hidden = {8}, .classes = 3, .batch_norm = true}};
  BOOST_TEST(paths_of(normalized) ==
                 (std::vector<std::string>{"fc1.weights", "bn1.gamma", "bn1.beta", "bn1.running_mean",
                                           "bn1.running_variance", "bn1.updates", "fc2.weights", "fc2.bias"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_network_without_hidden_layers_is_linear) {
  Mlp model{{.inputs = 12, .hidden = {}, .classes = 3, .batch_norm = true}};
  BOOST_TEST(paths_of(model) == (std::vector<std::string>{"fc1.weights", "fc1.bias"}),
             boost::test_tools::per_element());
  initialize(model, Rng{1});
  BOOST_TEST(steps_of(model, Mode::inference) == std::vector<std::string>{"linear"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(images_become_logits_one_a_class_at_any_depth) {
  for (const bool batch_norm : {false, true}) {
    for (const auto& hidden : {std::vector<std::int64_t>{}, {7}, {16, 8, 4}}) {
      Mlp model{{.inputs = 12, .hidden = hidden, .classes = 3, .batch_norm = batch_norm}};
      initialize(model, Rng{1});
      for (const auto mode : {Mode::training, Mode::inference}) {
        Tape tape{mode};
        BOOST_TEST(to_string(model(tape.input(Shape{5, 12})).shape()) == "(5, 3)");
        BOOST_TEST(test::throws_with<ShapeError>(
            [&] {
              model(tape.input(Shape{5, 11}));
            },
            {"src has 11 features", "expect 12"}));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(hidden_layers_run_as_two_kernels) {
  Mlp plain{{.inputs = 12, .hidden = {8, 6}, .classes = 3}};
  Mlp normalized{{.inputs = 12, .hidden = {8, 6}, .classes = 3, .batch_norm = true}};
  initialize(plain, Rng{1});
  initialize(normalized, Rng{1});
  BOOST_TEST(steps_of(plain, Mode::inference) ==
                 (std::vector<std::string>{"linear", "relu", "linear", "relu", "linear"}),
             boost::test_tools::per_element());
  const std::vector<std::string> inference{"linear", "batch_norm+relu", "linear", "batch_norm+relu",
                                           "linear"};
  BOOST_TEST(steps_of(normalized, Mode::inference) == inference, boost::test_tools::per_element());
  auto training = steps_of(normalized, Mode::training);
  BOOST_TEST(std::erase(training, "running_statistics") == 2U);
  BOOST_TEST(training == inference, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
