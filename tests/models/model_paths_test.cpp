// What a model's visit says twice, or not at all.

#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/temporary_folder.hpp"
#include "keel/keel.hpp"
#include "keel/models/safetensors.hpp"

namespace {

namespace fs = std::filesystem;
using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::throws_with;

// Two layers under names that a test chooses.
struct Named {
  std::string first_name, second_name;
  Linear first{4, 3};
  Linear second{3, 2};

  Var operator()(const Var& src) { return second(first(src)); }
  void visit(auto&& each) { each(first_name, first), each(second_name, second); }
};

struct NamedInside {
  Named inner{"fc1", ""};
  void visit(auto&& each) { each("inner", inner); }
};

struct Twice {
  Linear& layer;
  void visit(auto&& each) { each("a", layer), each("a", layer), each("b", layer); }
};

// "a.weights" beside a layer "a".
struct Dotted {
  Linear a{4, 3};
  Parameter b{Shape{7}, Initializer::constant(1.0)};
  void visit(auto&& each) { each("a", a), each("a.weights", b); }
};

struct Block {
  Linear inner{4, 4};
  LayerNorm norm{4};
  Linear forgotten{4, 4};
  Linear outer{4, 4};
  bool visits_all = false;

  Var operator()(const Var& src) { return outer(forgotten(norm(inner(src)))); }
  void visit(auto&& each) {
    each("inner", inner), each("norm", norm);
    if (visits_all) each("forgotten", forgotten);
    each("outer", outer);
  }
};

struct Net {
  Linear stem{4, 4};
  Block block;
  Linear head{4, 3};

  Var operator()(const Var& src) { return head(block(stem(src))); }
  void visit(auto&& each) { each("stem", stem), each("block", block), each("head", head); }
};

// Applies a parameter in the plain way of a user's own layer.
struct Plain {
  Parameter scale{Shape{4}, Initializer::constant(1.0)};
  Linear head{4, 3};
  bool visits_scale = false;

  Var operator()(const Var& src) { return head(src * src.tape().stored(scale.value(), "scale")); }
  void visit(auto&& each) {
    if (visits_scale) each("scale", scale);
    each("head", head);
  }
};

// A generator's step: the critic is applied, and is another model's to train.
struct Generator {
  Linear layer{4, 4};
  void visit(auto&& each) { each("layer", layer); }
};
struct ThroughCritic {
  Generator& generator;
  Linear& critic;
  Var operator()(const Var& src) { return critic(generator.layer(src)); }
  void visit(auto&& each) { each("generator", generator); }
};

struct SameSetting {
  double first = 1.0, second = 2.0;
  Parameter p{Shape{}, Initializer::constant(0.0)};
  void visit(auto&& each) { each("p", p); }
  void visit_settings(auto&& each) const { each("rate", first), each("rate", second); }
};

const auto ignore = [](auto&&) {};

template <class Model>
bool is_refused(Model& model, std::initializer_list<std::string_view> parts) {
  const keel::test::TemporaryFolder folder;
  const fs::path path = folder.path() / "model";
  bool all = true;
  const auto refuses = [&](const std::function<void()>& call) {
    const auto result = throws_with<Error>(call, parts);
    BOOST_TEST(result);
    all = all && bool(result);
  };
  refuses([&] { ignore(parameters(model)); });
  refuses([&] { initialize(model, Rng{1}); });
  refuses([&] { save_checkpoint(model, path); });
  refuses([&] { load_checkpoint(model, path); });
  BOOST_TEST(!fs::exists(path));
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(model_paths_test)

BOOST_AUTO_TEST_CASE(a_name_used_twice_is_refused_with_both_parameters) {
  Named model{"fc", "fc"};
  BOOST_TEST(is_refused(model, {"two parameters have the path 'fc.weights'",
                                "'fc' > 'weights' of shape (3, 4)", "'fc' > 'weights' of shape (2, 3)"}));
}

BOOST_AUTO_TEST_CASE(a_dotted_name_beside_a_child_of_that_path_is_refused_with_both_names) {
  Dotted model;
  BOOST_TEST(
      is_refused(model, {"'a.weights'", "'a' > 'weights' of shape (3, 4)", "'a.weights' of shape (7)"}));
}

BOOST_AUTO_TEST_CASE(names_that_are_empty_or_have_a_dot_are_refused) {
  Named dotted{"first", "second.layer"};
  BOOST_TEST(is_refused(dotted, {"the visit of the model names a child 'second.layer'", "dot"}));
  Named nameless{"first", ""};
  BOOST_TEST(is_refused(nameless, {"the visit of the model names a child ''", "empty"}));
  NamedInside outer;
  BOOST_TEST(is_refused(outer, {"the visit of 'inner' names a child ''"}));
}

BOOST_AUTO_TEST_CASE(a_step_for_such_a_model_is_refused_before_it_trains) {
  Named model{"fc", "fc"};
  Sgd sgd{{}};
  BOOST_TEST(throws_with<Error>([&] { TrainingStep(model, sgd, cross_entropy); }, {"'fc.weights'"}));
}

BOOST_AUTO_TEST_CASE(lists_of_parameters_made_by_hand_are_held_to_it_too) {
  Linear one{2, 2}, other{2, 3};
  const std::vector<NamedParameter> list{{"w", parameters(one)[0].parameter},
                                         {"w", parameters(other)[0].parameter}};
  BOOST_TEST(throws_with<Error>([&] { initialize(std::span{list}, Rng{1}); }, {"'w'", "(2, 2)", "(3, 2)"}));
  BOOST_TEST(
      throws_with<Error>([&] { save_checkpoint(list, {}, "nowhere/file"); }, {"'w'", "(2, 2)", "(3, 2)"}));
}

BOOST_AUTO_TEST_CASE(a_range_as_the_model_has_paths_without_an_empty_name) {
  std::vector<Linear> layers;
  layers.emplace_back(2, 2);
  layers.emplace_back(2, 2);
  const auto all = parameters(layers);
  BOOST_TEST(all.front().path == "0.weights");
  BOOST_TEST(all.back().path == "1.bias");
}

BOOST_AUTO_TEST_CASE(a_layer_that_is_visited_twice_counts_once) {
  Linear layer{2, 2};
  Twice model{layer};
  BOOST_TEST(parameters(model).size() == 2U);
}

BOOST_AUTO_TEST_CASE(settings_and_names_that_a_checkpoint_could_not_give_back_are_refused) {
  const keel::test::TemporaryFolder folder;
  const fs::path path = folder.path() / "model";
  SameSetting model;
  initialize(model, Rng{1});
  BOOST_TEST(throws_with<Error>([&] { save_checkpoint(model, path); }, {"'rate'", "value 1 ", "value 2"}));
  const std::vector<NamedSetting> format{{"format", "3"}};
  BOOST_TEST(
      throws_with<Error>([&] { save_checkpoint(parameters(model), format, path); }, {"'format'", "3"}));
  const Tensor tensor{Shape{2}};
  const auto write = [&](std::vector<std::string> names) {
    return [&path, &tensor, names] {
      std::vector<NamedTensor> tensors;
      for (const auto& name : names) tensors.push_back({name, tensor});
      write_safetensors(path, tensors, {});
    };
  };
  BOOST_TEST(
      throws_with<Error>(write({"x", "y", "x"}), {path.string(), "more than one array is called 'x'"}));
  BOOST_TEST(throws_with<Error>(write({"__metadata__"}), {path.string(), "'__metadata__'"}));
  BOOST_TEST(throws_with<Error>(write({"\xff"}), {path.string(), "not UTF-8"}));
  BOOST_TEST(!fs::exists(path));
}

BOOST_AUTO_TEST_CASE(a_layer_that_visit_forgot_is_named_as_well_as_can_be) {
  Net model;
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, cross_entropy};
  Inference inference{model};
  const auto tells = [](const std::function<void()>& call) {
    return throws_with<NoValuesError>(
        call, {"parameter 'bias' of shape (4), applied at model_paths_test.cpp:",
               "the visit of 'block' leaves it out", "between 'norm' and 'outer'", "initialize"});
  };
  const Tensor images = random_tensor({5, 4}, 1);
  BOOST_TEST(tells([&] { step(images, random_labels(5, 3)); }));
  BOOST_TEST(tells([&] { inference(images); }));
  BOOST_TEST(tells([&] { population_statistics(model, std::vector{images}); }));
  BOOST_TEST(tells([&] { fold_batch_norm(model, images.type()); }));
  CompiledFunction function{Mode::inference,
                            [&](Tape&, std::span<const Var> v) { return std::vector{model(v[0])}; }};
  BOOST_TEST(throws_with<NoValuesError>([&] { function(std::array{images}); },
                                        {"'bias' of shape (4), applied at model_paths_test.cpp:", "visit"}));
  model.block.visits_all = true;
  initialize(model, Rng{1});
  step(images, random_labels(5, 3));
  inference(images);
}

BOOST_AUTO_TEST_CASE(a_parameter_of_ones_own_that_visit_forgot_is_named) {
  Plain model;
  initialize(model, Rng{1});
  Inference inference{model};
  BOOST_TEST(throws_with<NoValuesError>([&] { inference(random_tensor({5, 4}, 1)); }, {"'scale'", "visit"}));
}

BOOST_AUTO_TEST_CASE(a_model_that_was_not_initialized_is_told_apart) {
  Net model;
  Inference inference{model};
  const auto message = throws_with<NoValuesError>(
      [&] {
        inference(random_tensor({5, 4}, 1));
      },
      {"parameter 'stem.bias' has no values yet: call keel::initialize"});
  BOOST_TEST(message);
}

BOOST_AUTO_TEST_CASE(a_member_with_values_that_visit_forgot_is_not_left_untrained_in_silence) {
  Net model;
  initialize(model, Rng{1});
  initialize(model.block.forgotten, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, cross_entropy};
  const Tensor images = random_tensor({5, 4}, 1);
  const Tensor labels = random_labels(5, 3);
  BOOST_TEST(throws_with<Error>([&] { step(images, labels); },
                                {"'bias' of shape (4)", "the visit of 'block' leaves it out", "freeze"}));
  freeze(model.block.forgotten);
  step(images, labels);

  Plain plain;
  initialize(plain, Rng{1});
  plain.scale.set_value(random_tensor({4}, 1));
  TrainingStep plain_step{plain, sgd, cross_entropy};
  BOOST_TEST(
      throws_with<Error>([&] { plain_step(images, labels); }, {"'scale' of shape (4)", "leaves it out"}));
}

BOOST_AUTO_TEST_CASE(another_model_that_a_model_or_a_loss_refers_to_may_be_left_out) {
  Generator generator;
  Linear critic{4, 3};
  Linear teacher{4, 3};
  initialize(generator, Rng{1});
  initialize(critic, Rng{2});
  initialize(teacher, Rng{3});
  const auto before = test::values(parameters(critic)[0].parameter->value());
  ThroughCritic model{generator, critic};
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd,
                    [&](const Var& logits, const Var& images) { return mse(logits, teacher(images)); }};
  const Tensor images = random_tensor({5, 4}, 1);
  const double first = step(images, images);
  BOOST_TEST(step(images, images) < first);
  BOOST_TEST((test::values(parameters(critic)[0].parameter->value()) == before));
}

BOOST_AUTO_TEST_SUITE_END()
