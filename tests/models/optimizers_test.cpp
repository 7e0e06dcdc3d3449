// What holds for every optimizer.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::values;

// Calls each(make) for each kind of optimizer, with and without its extras.
void for_each_optimizer(const auto& each) {
  const auto sgd = [&](const SgdOptions& options) { each([options] { return Sgd{options}; }); };
  sgd({.learning_rate = 0.1});
  sgd({.learning_rate = 0.05, .momentum = 0.9});
  sgd({.learning_rate = 0.05, .momentum = 0.9, .weight_decay = 1e-3});
  sgd({.learning_rate = 0.05, .momentum = 0.9, .nesterov = true, .clip_norm = 1.0});
  const auto adam = [&](const AdamOptions& options) { each([options] { return Adam{options}; }); };
  adam({.learning_rate = 0.01});
  adam({.learning_rate = 0.01, .weight_decay = 0.1, .clip_norm = 1.0});
  adam({.learning_rate = 0.01, .weight_decay = 0.1, .decoupled = false});
  each([] { return Rmsprop{{.learning_rate = 0.005, .weight_decay = 1e-3}}; });
  each([] { return Lion{{.learning_rate = 0.005, .weight_decay = 0.1, .clip_norm = 1.0}}; });
}

Mlp small_model(DType dtype = DType::f32) {
  Mlp model{{.inputs = 12, .hidden = {16}, .classes = 4, .batch_norm = true}};
  initialize(model, Rng{5}, dtype);
  return model;
}

std::vector<std::vector<double>> all_values(Mlp& model) {
  std::vector<std::vector<double>> result;
  for (const auto& [path, parameter] : parameters(model)) result.push_back(values(parameter->value()));
  return result;
}

std::vector<double> value_of(Mlp& model, const std::string& wanted) {
  for (const auto& [path, parameter] : parameters(model)) {
    if (path == wanted) return values(parameter->value());
  }
  throw Error{wanted};
}

Var product_loss(const Var& predictions, const Var& labels) {
  return mean(predictions * labels);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizers_test)

BOOST_AUTO_TEST_CASE(training_lowers_the_loss) {
  const Tensor images = random_tensor({32, 12}, 1);
  const Tensor labels = random_labels(32, 4, 2);
  for_each_optimizer([&](const auto& make) {
    auto model = small_model();
    auto optimizer = make();
    TrainingStep step{model, optimizer, cross_entropy};
    const double first = step(images, labels);
    double last = first;
    for (int i = 0; i < 60; ++i) last = step(images, labels);
    BOOST_TEST(last < 0.5 * first);
  });
}

// Batches of two sizes, whose plans take turns.
BOOST_AUTO_TEST_CASE(a_plan_replayed_and_one_recorded_for_each_step_give_the_same_bits) {
  for_each_optimizer([&](const auto& make) {
    std::vector<std::vector<std::vector<double>>> results;
    for (const bool recorded_anew : {false, true}) {
      auto model = small_model();
      auto optimizer = make();
      TrainingStep replayed{model, optimizer, cross_entropy};
      for (std::uint64_t i = 0; i < 6; ++i) {
        const std::int64_t count = i % 3 == 2 ? 17 : 32;
        const Tensor images = random_tensor({count, 12}, i);
        const Tensor labels = random_labels(count, 4, i);
        if (recorded_anew)
          TrainingStep{model, optimizer, cross_entropy}(images, labels);
        else
          replayed(images, labels);
      }
      results.push_back(all_values(model));
    }
    BOOST_TEST((results[0] == results[1]));
  });
}

// No gradient at all: what changes, decays.
BOOST_AUTO_TEST_CASE(weight_decay_leaves_gamma_beta_and_biases_alone_unless_asked) {
  const Tensor images = random_tensor({8, 12}, 1);
  const Tensor zeros{Shape{8, 4}};
  const auto check = [&](auto make) {
    for (const auto decay : {WeightDecay::matrices, WeightDecay::everything}) {
      auto model = small_model();
      auto optimizer = make(decay);
      TrainingStep step{model, optimizer, product_loss};
      const auto members = parameters(model);
      const auto before = all_values(model);
      step(images, zeros);
      const auto after = all_values(model);
      for (std::size_t i = 0; i < members.size(); ++i) {
        const auto& [path, parameter] = members[i];
        if (parameter->kind() != Parameter::Kind::trained) continue;
        const bool decays = decay == WeightDecay::everything || parameter->shape().rank() == 2;
        for (std::size_t k = 0; k < before[i].size(); ++k) {
          // Shrinks by 0.1 * 0.5; the roundings of two factors, two products and a difference.
          const double expected = decays ? 0.95 * before[i][k] : before[i][k];
          const double bound = decays ? 4 * test::unit_roundoff * std::abs(before[i][k]) : 0.0;
          BOOST_TEST(std::abs(after[i][k] - expected) <= bound, path << " changed otherwise");
        }
      }
    }
  };
  check([](WeightDecay decay) {
    return Sgd{{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.5, .decay = decay}};
  });
  check([](WeightDecay decay) { return Adam{{.learning_rate = 0.1, .weight_decay = 0.5, .decay = decay}}; });
  check([](WeightDecay decay) { return Lion{{.learning_rate = 0.1, .weight_decay = 0.5, .decay = decay}}; });
}

BOOST_AUTO_TEST_CASE(gamma_stays_one_over_many_steps_of_decay_without_a_gradient) {
  const Tensor images = random_tensor({8, 12}, 1);
  const Tensor zeros{Shape{8, 4}};
  auto model = small_model();
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.5, .nesterov = true, .clip_norm = 1.0}};
  TrainingStep step{model, sgd, product_loss};
  for (int i = 0; i < 20; ++i) step(images, zeros);
  BOOST_TEST(value_of(model, "bn1.gamma") == std::vector(16, 1.0), boost::test_tools::per_element());
  BOOST_TEST(value_of(model, "bn1.beta") == std::vector(16, 0.0), boost::test_tools::per_element());
}

// The images are zero: only the bias has a gradient.
BOOST_AUTO_TEST_CASE(gradients_are_clipped_before_the_update) {
  const Tensor images{Shape{2, 3}, DType::f64};
  const Tensor labels =
      Tensor::of<double>({2, 2}, {3, 4, 3, 4});  // the loss is the mean of four: gradients 1.5 and 2
  for (const double clip_norm : {1.0, 2.5, 100.0}) {
    Linear model{3, 2};
    initialize(model, Rng{1}, DType::f64);
    const auto before = values(parameters(model)[1].parameter->value());
    Sgd sgd{{.learning_rate = 1.0, .clip_norm = clip_norm}};
    TrainingStep step{model, sgd, product_loss};
    step(images, labels);
    const auto after = values(parameters(model)[1].parameter->value());
    const double factor = std::min(clip_norm / (2.5 + 1e-6), 1.0);
    BOOST_TEST(std::abs(before[0] - after[0] - factor * 1.5) < 1e-15);
    BOOST_TEST(std::abs(before[1] - after[1] - factor * 2.0) < 1e-15);
  }
}

// With clipping as well, which divides by the norm.
BOOST_AUTO_TEST_CASE(gradients_that_are_not_finite_are_reported) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), HUGE_VAL}) {
    for (const auto dtype : {DType::f32, DType::f64}) {
      for_each_optimizer([&](const auto& make) {
        Linear model{3, 2};
        initialize(model, Rng{1}, dtype);
        auto optimizer = make();
        TrainingStep step{model, optimizer, product_loss};
        const Tensor images = random_tensor({4, 3}, 1);
        const Tensor labels = random_tensor({4, 2}, 2);
        step(test::converted(images, dtype), test::converted(labels, dtype));
        images.data<float>()[5] = static_cast<float>(bad);
        BOOST_CHECK_THROW(step(test::converted(images, dtype), test::converted(labels, dtype)),
                          NonFiniteError);
      });
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
