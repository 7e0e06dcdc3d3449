#include "keel/models/training_state.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "../support/checkpoint_support.hpp"
#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using namespace keel::test;

struct Network {
  explicit Network(std::optional<double> momentum = 0.1) : norm{8, {.momentum = momentum}} {}
  Linear first{4, 8, {.bias = false}};
  BatchNorm norm;
  Dropout dropout{0.25};
  Linear last{8, 3};

  Var operator()(const Var& src) { return last(dropout(relu(norm(first(src))))); }
  void visit(auto&& each) {
    each("first", first), each("norm", norm), each("dropout", dropout), each("last", last);
  }
};

void append(std::vector<std::byte>& bytes, const Tensor& values) {
  bytes.insert(bytes.end(), values.bytes(), values.bytes() + values.type().bytes());
}

// A run over 100 samples in batches of 16, so that each epoch ends with one of 4.
template <class Optimizer>
struct Run {
  explicit Run(const Optimizer& initial, std::optional<double> momentum = 0.1)
      : model{momentum}, optimizer{initial} {}

  // Trains until `end` steps are done in all, and returns their losses.
  std::vector<double> train(std::int64_t end) {
    std::vector<double> losses;
    for (; count < end; ++count) {
      if (count == 9) optimizer.set_learning_rate(0.03);
      const auto [points, labels] = batch();
      losses.push_back(step(points, labels));
    }
    return losses;
  }

  // The order is that of the epoch, the noise goes on from step to step.
  std::pair<Tensor, Tensor> batch() {
    constexpr std::int64_t samples = 100, size = 16, batches = (samples + size - 1) / size;
    std::vector<std::int64_t> order(samples);
    std::iota(order.begin(), order.end(), 0);
    random.stream("order", static_cast<std::uint64_t>(count / batches)).shuffle(std::span{order});
    const auto first = count % batches * size;
    const auto rows = std::min(size, samples - first);
    Tensor points{{rows, 4}};
    Tensor labels{{rows}, DType::s32};
    for (std::int64_t i = 0; i < rows; ++i) {
      const auto sample = order[static_cast<std::size_t>(first + i)];
      const Tensor drawn = random_tensor({4}, static_cast<std::uint64_t>(sample + 1));
      for (std::size_t k = 0; k < 4; ++k) {
        points.data<float>()[static_cast<std::size_t>(i) * 4 + k] =
            drawn.data<float>()[k] + static_cast<float>(random.uniform(-0.1, 0.1));
      }
      labels.data<std::int32_t>()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(sample % 3);
    }
    return {points, labels};
  }

  // All that there is, bit for bit.
  std::vector<std::byte> bytes() {
    std::vector<std::byte> result;
    for (const auto& [path, parameter] : parameters(model)) append(result, parameter->value());
    for (const auto& [path, name, value] : optimizer.state(model)) append(result, value);
    const auto stream = random.state();
    const auto words = std::as_bytes(std::span{stream});
    result.insert(result.end(), words.begin(), words.end());
    result.push_back(static_cast<std::byte>(count));
    return result;
  }

  Network model;
  Optimizer optimizer;
  Rng random{7};
  std::int64_t count = 0;
  TrainingState state{model, optimizer, random, count};
  TrainingStep<Network, Optimizer, decltype(&cross_entropy)> step{model, optimizer, cross_entropy};
};

// What keeps arrays beside the model, as an average of its weights does.
struct Keeper {
  Tensor kept{Shape{2}};
  [[nodiscard]] std::vector<OptimizerState> state() const { return {{"first.weights", "average", kept}}; }
};

void for_each_optimizer(const auto& each) {
  each(Sgd{{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}});
  each(Adam{{.learning_rate = 0.01, .weight_decay = 0.01, .clip_norm = 1.0}});
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(training_state_test, Folder)

BOOST_AUTO_TEST_CASE(a_resumed_run_is_the_uninterrupted_one_bit_for_bit) {
  constexpr std::int64_t end = 24;
  for_each_optimizer([&](const auto& initial) {
    for (const auto& momentum : {std::optional<double>{0.1}, std::optional<double>{}}) {
      Run through{initial, momentum};
      initialize(through.model, Rng{1});
      const auto losses = through.train(end);
      Rng random{static_cast<std::uint64_t>(momentum ? 5 : 6)};
      for (int trial = 0; trial < 3; ++trial) {
        const auto interrupted = static_cast<std::int64_t>(1 + random.below(end - 1));
        {
          Run before{initial, momentum};
          initialize(before.model, Rng{1});
          before.train(interrupted);
          save_checkpoint(before.state, model());
          before.train(end);  // which the file must not know of
        }
        Run after{initial, momentum};
        after.optimizer.set_learning_rate(7.0);
        after.random = Rng{99};
        if (trial == 1) initialize(after.model, Rng{2});
        if (trial == 2) {  // compiled, and moments there already
          initialize(after.model, Rng{3});
          after.train(2);
        }
        load_checkpoint(after.state, model());
        BOOST_TEST(after.count == interrupted);
        const auto rest = after.train(end);
        const std::vector<double> expected(losses.begin() + interrupted, losses.end());
        BOOST_TEST((rest == expected), "interrupted after " << interrupted << " steps");
        BOOST_TEST((after.bytes() == through.bytes()), "interrupted after " << interrupted << " steps");
      }
    }
  });
}

BOOST_AUTO_TEST_CASE(two_networks_with_an_optimizer_each_and_other_numbers_come_back) {
  const auto make = [](Network& critic, Adam& adam, Rng& noise, double& best, std::int64_t& epoch) {
    return [&](TrainingState state) {
      return state.add("critic", critic, adam).add("noise", noise).add("best", best).add("epoch", epoch);
    };
  };
  Run saved{Sgd{{.momentum = 0.9}}};
  Network critic;
  initialize(saved.model, Rng{1});
  initialize(critic, Rng{2});
  saved.train(3);
  Adam adam{{}};
  TrainingStep step{critic, adam, cross_entropy};
  step(random_tensor({6, 4}, 1), random_labels(6, 3, 1));
  Rng noise{3};
  noise.bits();
  double best = 0.1;
  std::int64_t epoch = (std::int64_t{1} << 62) + 1;
  save_checkpoint(make(critic, adam, noise, best, epoch)(saved.state), model());

  Run loaded{Sgd{{.momentum = 0.9}}};
  Network other;
  Adam other_adam{{.learning_rate = 1.0}};
  Rng other_noise{4};
  double other_best = 0;
  std::int64_t other_epoch = 0;
  load_checkpoint(make(other, other_adam, other_noise, other_best, other_epoch)(loaded.state), model());
  BOOST_TEST((loaded.bytes() == saved.bytes()));
  BOOST_TEST(
      (values(parameters(other)[0].parameter->value()) == values(parameters(critic)[0].parameter->value())));
  BOOST_TEST(other_adam.steps() == 1);
  BOOST_TEST(other_adam.learning_rate() == 0.001);
  BOOST_TEST((other_noise.state() == noise.state()));
  BOOST_TEST(other_noise.stream("a").bits() == noise.stream("a").bits());
  BOOST_TEST(other_best == best);
  BOOST_TEST(other_epoch == epoch);
}

BOOST_AUTO_TEST_CASE(what_else_has_a_state_comes_back) {
  Run run{Sgd{{}}};
  initialize(run.model, Rng{1});
  Keeper keeper;
  keeper.kept.data<float>()[1] = 5.0F;
  auto state = run.state;
  state.add("ema", keeper);
  save_checkpoint(state, model());
  BOOST_TEST(read(model()).find("\"optimizer/ema/average/first.weights\"") != std::string::npos);
  keeper.kept.data<float>()[1] = 0.0F;
  load_checkpoint(state, model());
  BOOST_TEST(keeper.kept.data<float>()[1] == 5.0F);
}

BOOST_AUTO_TEST_CASE(the_model_alone_is_loaded_from_it_too) {
  Run saved{Adam{{}}};
  initialize(saved.model, Rng{1});
  saved.train(3);
  save_checkpoint(saved.state, model());
  Network loaded;
  load_checkpoint(loaded, model());
  std::vector<std::byte> expected, bytes;
  for (const auto& [name, parameter] : parameters(saved.model)) append(expected, parameter->value());
  for (const auto& [name, parameter] : parameters(loaded)) append(bytes, parameter->value());
  BOOST_TEST((bytes == expected));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_said_and_changes_nothing) {
  Run saved{Sgd{{.momentum = 0.9}}};
  initialize(saved.model, Rng{1});
  saved.train(3);
  save_checkpoint(saved.state, model());
  save_checkpoint(saved.model, path / "model alone");

  const auto refuses = [&](auto& run, const TrainingState& state, const std::filesystem::path& file,
                           std::initializer_list<std::string_view> parts) {
    const auto before = run.bytes();
    BOOST_TEST(throws_with<Error>([&] { load_checkpoint(state, file); }, parts));
    BOOST_TEST((run.bytes() == before));
  };
  Run adam{Adam{{}}};
  BOOST_TEST(
      throws_with<Error>([&] { load_checkpoint(adam.state, model()); },
                         {"model.safetensors' can't be loaded: it has no 'optimizer/mean/first.weights'",
                          "with another optimizer"}));
  BOOST_TEST(!parameters(adam.model)[0].parameter->value().defined());  // it is as it was
  initialize(adam.model, Rng{2});
  adam.train(2);
  refuses(adam, adam.state, model(), {"it has no 'optimizer/mean/first.weights'"});
  Run sgd{Sgd{{.momentum = 0.9}}};
  initialize(sgd.model, Rng{2});
  sgd.train(2);
  refuses(sgd, sgd.state, path / "model alone", {"it has no 'random'", "that of a model alone"});
  double best = 1.0;
  auto with_more = sgd.state;
  with_more.add("best", best);
  refuses(sgd, with_more, model(), {"it has no 'best'", "that of another run"});
  Network wider{std::nullopt};
  Sgd optimizer{{.momentum = 0.9}};
  BOOST_TEST(throws_with<Error>(
      [&] {
        load_checkpoint(TrainingState{wider, optimizer, sgd.random, sgd.count}, model());
      },
      {"'norm.momentum' is 0.1 in it and none in the model"}));
}

BOOST_AUTO_TEST_CASE(names_of_parts_are_held_to_the_rules) {
  Run run{Sgd{{}}};
  double number = 0;
  for (const auto* name : {"", "a.b", "a/b", "gr\xf6\xdf"}) {
    BOOST_TEST(
        throws_with<Error>([&] { run.state.add(name, number); }, {"must not be empty and not have a dot"}),
        name);
  }
  BOOST_TEST(throws_with<Error>([&] { run.state.add("step", number); }, {"'step'", "already"}));
}

// Every bit of a small file: a flipped one is refused in a sentence that names the file.
BOOST_AUTO_TEST_CASE(a_flipped_bit_is_never_loaded) {
  Run saved{Sgd{{.momentum = 0.9}}};
  initialize(saved.model, Rng{1});
  saved.train(2);
  save_checkpoint(saved.state, model());
  const auto content = read(model());
  const auto before = saved.bytes();
  int loaded = 0;
  for (std::size_t i = 0; i < content.size(); ++i) {
    auto damaged = content;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    write(model(), damaged);
    try {
      load_checkpoint(saved.state, model());
      ++loaded;  // the word "checksum" itself was hit, and all else is whole
    } catch (const Error& error) {
      BOOST_TEST(std::string_view{error.what()}.find("model.safetensors' can't be loaded: ") !=
                 std::string_view::npos);
    }
    BOOST_TEST((saved.bytes() == before), "byte " << i);
  }
  BOOST_TEST(loaded <= 16);
}

BOOST_AUTO_TEST_SUITE_END()
