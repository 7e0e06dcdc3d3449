// Models of which the program decides when it runs.

#include "keel/models/any_model.hpp"

#include <boost/test/unit_test.hpp>
#include <memory>
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

using Strings = std::vector<std::string>;

template <class Model>
Strings paths_of(Model& model) {
  Strings paths;
  for (const auto& [path, parameter] : parameters(model)) paths.push_back(path);
  return paths;
}

template <class Model>
std::vector<std::vector<double>> values_of(Model& model) {
  std::vector<std::vector<double>> result;
  for (const auto& [path, parameter] : parameters(model)) result.push_back(values(parameter->value()));
  return result;
}

// With a range in it, and a part that is known when it is compiled.
struct Block {
  std::vector<Linear> branches;
  BatchNorm norm{8};
  Block() {
    branches.emplace_back(8, 8);
    branches.emplace_back(8, 8);
  }
  Var operator()(const Var& src) { return src + norm(branches[0](src) * branches[1](src)); }
  void visit(auto&& each) { each("branches", branches), each("norm", norm); }
};

// Its visit leaves out a layer.
struct Forgetful {
  Linear named{8, 8}, forgotten{8, 8};
  Var operator()(const Var& src) { return forgotten(named(src)); }
  void visit(auto&& each) { each("named", named); }
};

Layers net() {
  return Layers{Linear{4, 8, {.bias = false}}, BatchNorm{8, {.epsilon = 1e-3}}, relu, Block{}, Linear{8, 3}};
}

const Tensor& images() {
  static const Tensor tensor = random_tensor({6, 4}, 1);
  return tensor;
}
const Tensor& labels() {
  static const Tensor tensor = random_labels(6, 3, 1);
  return tensor;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(any_model_test)

BOOST_AUTO_TEST_CASE(layers_have_the_paths_settings_values_and_steps_of_a_sequential) {
  auto layers = net();
  Sequential sequential{Linear{4, 8, {.bias = false}}, BatchNorm{8, {.epsilon = 1e-3}}, relu, Block{},
                        Linear{8, 3}};
  BOOST_TEST(paths_of(layers) == paths_of(sequential), boost::test_tools::per_element());
  const auto own = settings(layers);
  const auto others = settings(sequential);
  BOOST_REQUIRE(own.size() == others.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    BOOST_TEST(own[i].path == others[i].path);
    BOOST_TEST(own[i].value == others[i].value);
  }
  initialize(layers, Rng{1});
  initialize(sequential, Rng{1});
  Adam adam{{}};
  Adam other_adam{{}};
  TrainingStep step{layers, adam, cross_entropy};
  TrainingStep other_step{sequential, other_adam, cross_entropy};
  for (int i = 0; i < 3; ++i) BOOST_TEST(step(images(), labels()) == other_step(images(), labels()));
  BOOST_TEST((values_of(layers) == values_of(sequential)));
  Inference predict{layers};
  Inference other_predict{sequential};
  BOOST_TEST((values(predict(images())) == values(other_predict(images()))));
}

BOOST_AUTO_TEST_CASE(a_model_is_chosen_when_the_program_runs) {
  for (const bool deep : {false, true}) {
    AnyModel model = deep ? AnyModel{Mlp{{.inputs = 4, .hidden = {8}, .classes = 3, .batch_norm = true}}}
                          : AnyModel{Linear{4, 3}};
    initialize(model, Rng{1});
    const Strings shallow{"weights", "bias"};
    BOOST_TEST((paths_of(model) == shallow) == !deep);
    Sgd sgd{{.learning_rate = 0.1}};
    TrainingStep step{model, sgd, cross_entropy};
    const double first = step(images(), labels());
    for (int i = 0; i < 20; ++i) step(images(), labels());
    BOOST_TEST(step(images(), labels()) < first);
  }
}

BOOST_AUTO_TEST_CASE(a_layer_that_is_pushed_is_trained_from_the_next_step_on) {
  Layers model;
  model.push(Linear{4, 8});
  model.push(keel::tanh);
  model.push(Linear{8, 3});
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, cross_entropy};
  step(images(), labels());
  for (int i = 0; i < 50; ++i) model.push([](const Var& x) { return x * 1.0; });  // makes the container grow
  model.push(Linear{3, 3});
  BOOST_CHECK_THROW(step(images(), labels()), NoValuesError);
  initialize(model[model.size() - 1], Rng{2});
  const auto before = values_of(model);
  step(images(), labels());
  const auto after = values_of(model);
  BOOST_REQUIRE(after.size() == 6U);
  for (std::size_t i = 0; i < 6; ++i) BOOST_TEST((before[i] != after[i]), "parameter " << i);
}

BOOST_AUTO_TEST_CASE(moving_takes_everything_along_and_steps_say_so) {
  auto model = net();
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, cross_entropy};
  step(images(), labels());
  const auto before = values_of(model);
  auto moved = std::move(model);
  BOOST_TEST((values_of(moved) == before));
  BOOST_TEST(test::throws_with<Error>([&] { step(images(), labels()); }, {"moved away"}));
  TrainingStep anew{moved, sgd, cross_entropy};
  anew(images(), labels());

  AnyModel any = Linear{4, 3};
  initialize(any, Rng{1});
  TrainingStep of_any{any, sgd, cross_entropy};
  of_any(images(), labels());
  const AnyModel taken = std::move(any);
  BOOST_TEST(test::throws_with<Error>([&] { of_any(images(), labels()); }, {"moved away"}));
  Tape tape;
  BOOST_TEST(test::throws_with<Error>([&] { any(tape.input({6, 4})); }, {"moved from"}));
}

BOOST_AUTO_TEST_CASE(a_step_follows_another_model_that_is_assigned_to_the_whole_or_a_part) {
  const auto check = [](auto& model, AnyModel& replaced, AnyModel other) {
    initialize(model, Rng{1});
    Sgd sgd{{.learning_rate = 0.1}};
    TrainingStep step{model, sgd, cross_entropy};
    step(images(), labels());
    replaced = std::move(other);
    initialize(model, Rng{1});
    const auto before = values_of(model);
    step(images(), labels());
    const auto after = values_of(model);
    for (std::size_t i = 0; i < before.size(); ++i) BOOST_TEST((before[i] != after[i]), "parameter " << i);
  };
  AnyModel whole = Linear{4, 3};
  check(whole, whole, Mlp{{.inputs = 4, .hidden = {8}, .classes = 3}});
  Layers layers{Linear{4, 8}, keel::tanh, Linear{8, 3}};
  check(layers, layers[2], Mlp{{.inputs = 8, .hidden = {8}, .classes = 3}});
}

BOOST_AUTO_TEST_CASE(a_layer_that_a_visit_leaves_out_is_found_in_it) {
  Layers model{Linear{4, 8}, Forgetful{}, Linear{8, 3}};
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, cross_entropy};
  BOOST_TEST(test::throws_with<NoValuesError>([&] { step(images(), labels()); },
                                              {"the visit of '1' leaves it out", "behind 'named'"}));
}

BOOST_AUTO_TEST_CASE(freezing_and_gradients_reach_into_it) {
  auto model = net();
  initialize(model, Rng{1}, DType::f64);
  const Tensor src = test::converted(images(), DType::f64);
  const auto report = gradcheck(model, cross_entropy, src, labels());
  BOOST_TEST(report.ok, report.text);
  freeze(model[0]);
  auto gradient = value_and_grad(model, cross_entropy);
  const auto grads = gradient(src, labels()).grads;
  BOOST_TEST(!grads.contains("0.weights"));
  BOOST_TEST(grads.contains("3.branches.1.weights"));
}

BOOST_AUTO_TEST_CASE(functions_and_layers_without_parameters_are_followed) {
  const auto sevens = [](const Var& x) { return x * 0.0 + 7.0; };
  const auto expect_sevens = [&](auto& predict) {
    for (const double value : values(predict(images()))) BOOST_TEST(value == 7.0);
  };
  Layers model{Linear{4, 4}, relu};
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.0}};
  TrainingStep step{model, sgd, [](const Var& x) { return mean(x); }};
  Inference predict{model};
  const auto by_function = [&](const Var& x) { return model(x); };
  Inference predict_by_function{by_function};
  const Tensor last = random_tensor({2, 4}, 2);
  step(images()), step(last), predict(images()), predict_by_function(images());
  model.push(sevens);
  for (const auto* batch : {&images(), &last, &images()}) BOOST_TEST(step(*batch) == 7.0);
  expect_sevens(predict);
  expect_sevens(predict_by_function);

  model[2] = AnyModel{relu};
  predict(images()), predict_by_function(images());
  model[1] = AnyModel{sevens};
  expect_sevens(predict);
  expect_sevens(predict_by_function);

  AnyModel any = relu;
  Inference predict_by_any{any};
  predict_by_any(images());
  any = AnyModel{sevens};
  expect_sevens(predict_by_any);
}

BOOST_AUTO_TEST_CASE(a_layer_without_parameters_and_one_with_are_followed_through_a_function) {
  Layers model{Linear{4, 4}};
  initialize(model, Rng{1});
  const auto by_function = [&](const Var& x) { return model(x); };
  Inference predict{by_function};
  predict(images());
  for (int i = 0; i < 2; ++i) {
    if (i == 0)
      model.push(RmsNorm{4, {.affine = false}});
    else
      model.push(Linear{4, 4}), initialize(model[2], Rng{2});
    Inference fresh{by_function};
    BOOST_TEST((values(predict(images())) == values(fresh(images()))));
  }
}

BOOST_AUTO_TEST_CASE(layers_of_a_recording_s_own_may_come_and_go) {
  const auto own = [](const Var& x) {
    Layers layers{keel::tanh, relu};
    return layers(x);
  };
  Inference predict{own};
  const auto once = values(predict(images()));
  BOOST_TEST((values(predict(images())) == once));
}

BOOST_AUTO_TEST_CASE(a_layer_that_is_not_there_is_named) {
  Layers model{relu};
  BOOST_TEST(test::throws_with<Error>([&] { (void)model[9]; }, {"no Layers[9]", "1 layer"}));
}

BOOST_AUTO_TEST_SUITE_END()
