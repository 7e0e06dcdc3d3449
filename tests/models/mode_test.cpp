// Two networks on one tape: each step trains its own, and what the other is to do there is said by module.

#include "keel/models/mode.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::converted;
using test::random_tensor;
using test::values;

using Values = std::map<std::string, std::vector<double>>;

struct Generator {
  Linear fc1{3, 8}, fc2{8, 2};
  BatchNorm bn{8};
  Var operator()(const Var& noise) { return fc2(relu(bn(fc1(noise)))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn", bn), each("fc2", fc2); }
};

struct Critic {
  Linear fc1{2, 8}, fc2{8, 1};
  BatchNorm bn{8};
  Var operator()(const Var& points) { return fc2(tanh(bn(fc1(points)))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn", bn), each("fc2", fc2); }
};

struct Dropped {
  Linear fc{2, 2};
  Dropout dropout{0.5};
  BatchNorm bn{2};
  Var operator()(const Var& src) { return bn(dropout(fc(src))); }
  void visit(auto&& each) { each("fc", fc), each("dropout", dropout), each("bn", bn); }
};

struct Tuned {
  Dropped features;
  Linear head{2, 2};
  Var operator()(const Var& src) { return head(in_inference(features)(src)); }
  void visit(auto&& each) { each("features", features), each("head", head); }
};

template <class Model>
Values values_of(Model& model) {
  Values result;
  for (const auto& [path, parameter] : parameters(model)) {
    const Tensor& value = parameter->value();
    if (value.dtype() != DType::s32) {
      result[path] = values(value);
    } else {
      const auto words = value.data<std::int32_t>();
      result[path] = {words.begin(), words.end()};
    }
  }
  return result;
}

// The paths at which two snapshots differ.
std::vector<std::string> changed(const Values& before, const Values& after) {
  std::vector<std::string> paths;
  for (const auto& [path, value] : before)
    if (value != after.at(path)) paths.push_back(path);
  return paths;
}

struct Gan {
  Gan() {
    initialize(generator, Rng{1}, DType::f64);
    initialize(critic, Rng{2}, DType::f64);
  }
  Generator generator;
  Critic critic;
  Sgd generator_sgd{{.learning_rate = 0.1}};
  Sgd critic_sgd{{.learning_rate = 0.1}};
  Tensor noise = converted(random_tensor({16, 3}, 1), DType::f64);
  Tensor points = converted(random_tensor({16, 2}, 2), DType::f64);
};

const std::vector<std::string> statistics{"bn.running_mean", "bn.running_variance", "bn.updates"};

}  // namespace

BOOST_AUTO_TEST_SUITE(mode_test)

BOOST_AUTO_TEST_CASE(a_generator_s_step_follows_the_gradient_through_the_critic_and_leaves_that_as_it_is) {
  Gan gan;
  auto& generator = gan.generator;
  auto& critic = gan.critic;
  const auto loss = [&critic](const Var& fakes) { return mean(log(1.0 + exp(-critic(fakes)))); };
  // By hand: the same loss on a tape of its own, whose training layers' statistics are put back.
  Values expected = values_of(generator);
  {
    Tape tape;
    const Var value = loss(generator(tape.stored(gan.noise)));
    std::vector<Var> wrt;
    std::vector<std::string> paths;
    for (const auto& [path, parameter] : parameters(generator)) {
      if (parameter->kind() != Parameter::Kind::trained) continue;
      wrt.push_back(tape.stored(parameter->value()));
      paths.push_back(path);
    }
    Plan plan{tape, gradients(value, wrt)};
    const auto all = parameters(generator);
    const auto others = parameters(critic);
    const StatisticsGuard guard{all};
    const StatisticsGuard other_guard{others};
    plan.run();
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const auto grad = values(plan.output(i));
      for (std::size_t k = 0; k < grad.size(); ++k) expected[paths[i]][k] -= 0.1 * grad[k];
    }
  }
  const auto before = values_of(critic);
  TrainingStep step{generator, gan.generator_sgd, loss};
  step(gan.noise);
  BOOST_TEST(changed(before, values_of(critic)).empty());
  for (const auto& [path, value] : values_of(generator)) {
    if (std::ranges::count(statistics, path) == 0)
      BOOST_TEST(test::within(value, expected.at(path), 1e-14), path);
    else
      BOOST_TEST((value != expected.at(path)), path << " did not move");
  }
}

BOOST_AUTO_TEST_CASE(a_critic_s_step_leaves_the_generator_as_it_is) {
  Gan gan;
  auto& generator = gan.generator;
  auto& critic = gan.critic;
  TrainingStep step{critic, gan.critic_sgd, [&](const Var& real, const Var& seeds) {
                      const Var fake = critic(stop_gradient(generator(seeds)));
                      return mean(log(1.0 + exp(-real))) + mean(log(1.0 + exp(fake)));
                    }};
  const auto before = values_of(generator);
  const auto own = values_of(critic);
  step(gan.points, gan.noise);
  BOOST_TEST(changed(before, values_of(generator)).empty());
  // Its own statistics move with each of the two batches that it sees.
  BOOST_TEST(values_of(critic).at("bn.updates")[0] == own.at("bn.updates")[0] + 2);
  BOOST_TEST(changed(own, values_of(critic)).size() == own.size());
}

BOOST_AUTO_TEST_CASE(in_training_moves_the_statistics_of_another_model_and_nothing_else) {
  Gan gan;
  auto& generator = gan.generator;
  auto& critic = gan.critic;
  TrainingStep step{generator, gan.generator_sgd,
                    [&](const Var& fakes) { return mean(in_training(critic)(fakes)); }};
  const auto before = values_of(critic);
  step(gan.noise);
  BOOST_TEST(changed(before, values_of(critic)) == statistics, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(in_inference_gives_on_a_training_tape_what_an_inference_gives) {
  Dropped net;
  Linear head{2, 2};
  initialize(net, Rng{3});
  initialize(head, Rng{4});
  for (const auto& [path, parameter] : parameters(net)) {
    if (path == "bn.running_mean") parameter->set_value(Tensor::of<float>({2}, {0.5F, -1.0F}));
  }
  const Tensor src = random_tensor({6, 2}, 1);
  const auto before = values_of(net);
  Sgd sgd{{.learning_rate = 0.0}};
  Inference predict{net};
  const auto predictions = predict(src).clone();
  // The loss is 0 if both agree.
  TrainingStep step{head, sgd, [&](const Var& prediction, const Var& batch, const Var& target) {
                      return mse(in_inference(net)(batch), target) + 0.0 * mean(prediction);
                    }};
  BOOST_TEST(step(src, src, predictions) == 0.0);
  BOOST_TEST(changed(before, values_of(net)).empty());
}

BOOST_AUTO_TEST_CASE(a_function_runs_in_a_mode_of_its_own_and_the_tape_s_comes_back_after_an_error) {
  Tape tape;
  const Var src = tape.input({2, 2});
  const auto mode_inside = [&](const Var& x) {
    BOOST_TEST((tape.mode() == Mode::inference));
    in_training([&](const Var& y) {
      BOOST_TEST((tape.mode() == Mode::training));
      return y;
    })(x);
    BOOST_TEST((tape.mode() == Mode::inference));
    return reshape(x, {5});
  };
  BOOST_CHECK_THROW(in_inference(mode_inside)(src), ShapeError);
  BOOST_TEST((tape.mode() == Mode::training));
}

// A part of a model: the features stay as they are while the head learns.
BOOST_AUTO_TEST_CASE(a_part_of_the_model_itself_can_be_in_inference) {
  Tuned model;
  initialize(model, Rng{3});
  freeze(model.features);
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, mse};
  const auto before = values_of(model);
  const Tensor src = random_tensor({6, 2}, 1);
  step(src, src);
  const std::vector<std::string> head{"head.bias", "head.weights"};
  BOOST_TEST(changed(before, values_of(model)) == head, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_error_within_names_the_line_that_applied_the_model) {
  const Linear layer{3, 2};
  BOOST_TEST(test::throws_with<NoValuesError>(
      [&] {
        Tape tape;
        const Var src = tape.input({2, 3});
        in_inference(layer)(src);
      },
      {"parameter 'bias'", "applied at mode_test.cpp:"}));
}

BOOST_AUTO_TEST_SUITE_END()
