// What steps do when values are set, or the model that they refer to is replaced, moved or destroyed: what the
// reader of that line would think, or an error that says so.

#include <array>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "../support/stale_handles_support.hpp"

namespace {

using namespace keel;
using namespace keel::test;

// Its layers lie in a container, and do not move when it does.
struct Stack {
  std::vector<Linear> layers;
  Presence presence;

  Stack() {
    layers.emplace_back(4, 4);
    layers.emplace_back(4, 3);
  }
  Var operator()(const Var& src) { return layers[1](layers[0](src)); }
  void visit(auto&& each) { each("layers", layers); }
  [[nodiscard]] Presence::Watch watch() const { return presence.watch(); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(stale_handles_test)

BOOST_AUTO_TEST_CASE(steps_and_inference_follow_values_that_are_set) {
  Squared s;
  Sgd sgd{{.learning_rate = 0.0}};
  TrainingStep step{s.model, sgd, mse};
  Inference inference{s.model};
  CompiledFunction function{Mode::inference,
                            [&](Tape&, std::span<const Var> v) { return std::vector{s.model(v[0])}; }};
  step(s.x, s.y), inference(s.x), function(std::array{s.x});
  const auto* memory = s.weights().value().bytes();
  s.weights().set_value(Tensor::of<float>({1, 2}, {5, 5}));
  BOOST_TEST(step(s.x, s.y) == 100.0);
  BOOST_TEST(values(inference(s.x))[0] == 10.0);
  BOOST_TEST(values(function(std::array{s.x}).output(0))[0] == 10.0);
  BOOST_TEST(s.weights().value().bytes() == memory);
}

BOOST_AUTO_TEST_CASE(set_values_are_copied_and_must_fit) {
  Parameter parameter{Shape{1, 2}, Initializer::constant(0.0)};
  const Tensor given = Tensor::of<float>({1, 2}, {1, 2});
  parameter.set_value(given);
  given.data<float>()[0] = 7;
  BOOST_TEST(values(parameter.value()) == (std::vector{1.0, 2.0}), boost::test_tools::per_element());
  parameter.set_value(parameter.value());
  BOOST_TEST(values(parameter.value()) == (std::vector{1.0, 2.0}), boost::test_tools::per_element());
  const auto refuses = [&](const Tensor& tensor, std::string_view what) {
    return throws_with<ShapeError>([&] { parameter.set_value(tensor); }, {"f32 (1, 2)", what});
  };
  BOOST_TEST(refuses(Tensor{Shape{2, 1}}, "f32 (2, 1)"));
  BOOST_TEST(refuses(Tensor{Shape{2}}, "f32 (2)"));
  BOOST_TEST(refuses(Tensor{Shape{1, 2}, DType::f64}, "f64 (1, 2)"));
  BOOST_TEST(throws_with<NoValuesError>([&] { parameter.set_value(Tensor{}); }, {"(1, 2)", "moved from"}));
  BOOST_TEST(values(parameter.value()) == (std::vector{1.0, 2.0}), boost::test_tools::per_element());
  Parameter words{Shape{2}, Initializer::constant(0.0), Parameter::Kind::state, DType::s32};
  BOOST_TEST(throws_with<ShapeError>([&] { words.set_value(Tensor{Shape{2}}); }, {"s32 (2)", "f32 (2)"}));
  words.set_value(Tensor{Shape{2}, DType::s32});
}

BOOST_AUTO_TEST_CASE(a_step_follows_a_model_that_is_assigned_anew) {
  Net model;
  initialize(model, Rng{2});
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  Inference inference{model};
  for (int i = 0; i < 3; ++i) step(images(), labels());
  inference(images());
  model = Net{};
  BOOST_TEST(throws_with<NoValuesError>([&] { step(images(), labels()); }, {"no values yet"}));
  initialize(model, Rng{1});
  for (int i = 0; i < 4; ++i) step(images(), labels());
  BOOST_TEST((values_of(model) == trained_anew<Net>(4)));
  BOOST_TEST((values(inference(images())) == values(Inference{model}(images()))));
}

BOOST_AUTO_TEST_CASE(a_layer_that_is_assigned_anew_is_followed) {
  Net model;
  initialize(model, Rng{1});
  Inference inference{model};
  BOOST_TEST(to_string(inference(images()).shape()) == "(6, 3)");
  model.last = Linear{8, 5};
  initialize(model.last, Rng{1});
  BOOST_TEST(to_string(inference(images()).shape()) == "(6, 5)");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_model_that_moved_away_is_an_error, Model,
                              decltype(std::tuple<Net, Stack, Mlp>{})) {
  const auto make = [] {
    if constexpr (std::is_same_v<Model, Mlp>)
      return Mlp{{.inputs = 4, .hidden = {8}, .classes = 3}};
    else
      return Model{};
  };
  for (const bool run_before : {false, true}) {
    std::vector<Model> models;
    models.push_back(make());
    initialize(models[0], Rng{1});
    Sgd sgd{{.learning_rate = 0.1}};
    TrainingStep step{models[0], sgd, cross_entropy};
    Inference inference{models[0]};
    if (run_before) step(images(), labels()), inference(images());
    models.reserve(models.capacity() + 1);
    for (const auto& batch : {images(), random_tensor({2, 4}, 1)}) {
      BOOST_TEST(throws_with<Error>([&] { step(batch, labels()); }, {"the model was", "make the step anew"}));
      BOOST_TEST(throws_with<Error>([&] { inference(batch); }, {"the model was", "make the step anew"}));
    }
    TrainingStep again{models[0], sgd, cross_entropy};
    again(images(), labels());
  }
}

BOOST_AUTO_TEST_CASE(a_model_that_was_destroyed_is_an_error) {
  auto model = std::make_unique<Net>();
  initialize(*model, Rng{1});
  Inference inference{*model};
  CompiledFunction function{Mode::inference,
                            [&](Tape&, std::span<const Var> v) { return std::vector{(*model)(v[0])}; }};
  inference(images());
  function(std::array{images()});
  model = std::make_unique<Net>();
  BOOST_TEST(throws_with<Error>([&] { inference(images()); }, {"destroyed", "'first.weights'"}));
  BOOST_TEST(throws_with<Error>([&] { function(std::array{images()}); }, {"'bias' was destroyed"}));
  initialize(*model, Rng{1});
  function.forget();
  function(std::array{images()});
}

BOOST_AUTO_TEST_CASE(a_function_of_ones_own_follows_freezing) {
  Net model;
  initialize(model, Rng{1});
  CompiledFunction function{Mode::training,
                            [&](Tape&, std::span<const Var> v) { return std::vector{model(v[0])}; }};
  Inference inference{model};
  const auto in_training = values(function(std::array{images()}).output(0));
  freeze_statistics(model);
  BOOST_TEST((values(function(std::array{images()}).output(0)) == values(inference(images()))));
  unfreeze_statistics(model);
  BOOST_TEST((values(function(std::array{images()}).output(0)) == in_training));
}

BOOST_AUTO_TEST_CASE(inference_by_a_function_that_applies_a_model_follows_it) {
  auto model = std::make_unique<Net>();
  initialize(*model, Rng{1});
  const auto logits = [&model](const Var& src) { return (*model)(src); };
  Inference inference{logits};
  Inference direct{*model};
  BOOST_TEST((values(inference(images())) == values(direct(images()))));
  initialize(*model, Rng{2});
  BOOST_TEST((values(inference(images())) == values(direct(images()))));
  model = std::make_unique<Net>();
  BOOST_TEST(
      throws_with<Error>([&] { inference(images()); }, {"'bias' was destroyed", "make the function anew"}));
}

BOOST_AUTO_TEST_CASE(a_step_that_moved_goes_on_where_it_is) {
  Net model;
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  for (int i = 0; i < 2; ++i) step(images(), labels());
  auto moved = std::move(step);
  for (int i = 0; i < 2; ++i) moved(images(), labels());
  BOOST_TEST((values_of(model) == trained_anew<Net>(4)));
  CompiledFunction function{Mode::inference,
                            [&](Tape&, std::span<const Var> v) { return std::vector{model(v[0])}; }};
  const CompiledFunction other = std::move(function);
  BOOST_TEST(throws_with<Error>([&] { function(std::array{images()}); }, {"moved away"}));
}

BOOST_AUTO_TEST_CASE(what_a_guard_puts_back_is_seen_by_steps_though_values_were_set) {
  Net model;
  initialize(model, Rng{1});
  Inference inference{model};
  const auto before = values(inference(images()));
  {
    const StatisticsGuard guard{parameters(model)};
    for (const auto& [path, parameter] : parameters(model))
      if (path == "norm.running_mean") parameter->set_value(random_tensor({8}, 3));
    BOOST_TEST((values(inference(images())) != before));
  }
  BOOST_TEST((values(inference(images())) == before));
  Net empty;
  BOOST_TEST(throws_with<NoValuesError>([&] { StatisticsGuard{parameters(empty)}; },
                                        {"'norm.running_mean' has no values yet"}));
}

// NOLINTBEGIN(bugprone-use-after-move)
BOOST_AUTO_TEST_CASE(what_was_moved_away_says_so) {
  Linear model{4, 3};
  initialize(model, Rng{1});
  Sgd sgd{{}};
  const Tensor src = random_tensor({6, 4}, 1);
  const auto loss = [](const Var& x) { return mean(square(x)); };
  const auto says_so = [](auto& handle, const auto& use) {
    const auto taken = std::move(handle);
    return throws_with<Error>([&] { use(); }, {"moved away: use the one that it was moved into"});
  };
  TrainingStep step{model, sgd, loss};
  BOOST_TEST(says_so(step, [&] { step(src); }));
  Inference predict{model};
  BOOST_TEST(says_so(predict, [&] { predict(src); }));
  auto gradient = value_and_grad(model, loss);
  const auto grads = gradient(src).grads;
  BOOST_TEST(says_so(gradient, [&] { gradient(src); }));
  AccumulatedStep parts{model, sgd, loss};
  BOOST_TEST(says_so(parts, [&] { parts.add(src); }));
  Update update{model, sgd};
  BOOST_TEST(says_so(update, [&] { update(grads); }));
  Hessian hessian{model, loss, {src}, {}};
  BOOST_TEST(says_so(hessian, [&] { hessian.times(std::vector<double>(15)); }));
  BOOST_TEST(says_so(hessian, [&] { (void)hessian.size(); }));
  ModelWatch watch{model};
  BOOST_TEST(says_so(watch, [&] { (void)watch.changed(); }));
}
// NOLINTEND(bugprone-use-after-move)

BOOST_AUTO_TEST_SUITE_END()
