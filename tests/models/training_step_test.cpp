#include "keel/models/training_step.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::converted;
using test::random_labels;
using test::random_tensor;
using test::values;

using Vars = std::span<const Var>;

// Samples around one center a class: easy to learn.
struct Batch {
  Tensor images;
  Tensor labels;
};

Batch easy_batch(std::int64_t count, std::uint64_t seed) {
  const Tensor centers = random_tensor({4, 12}, 1000);
  Batch batch{random_tensor({count, 12}, seed, 0.3), random_labels(count, 4, seed)};
  const auto images = batch.images.data<float>();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto label = static_cast<std::size_t>(batch.labels.data<std::int32_t>()[i / 12]);
    images[i] += centers.data<float>()[label * 12 + i % 12];
  }
  return batch;
}

MlpOptions small(bool batch_norm) {
  return {.inputs = 12, .hidden = {16, 16}, .classes = 4, .batch_norm = batch_norm};
}

struct Run {
  std::vector<double> losses;
  std::vector<std::vector<double>> parameters;
};

Run train(bool batch_norm, DType dtype, int steps) {
  Mlp model{small(batch_norm)};
  initialize(model, Rng{5}, dtype);
  Sgd sgd{{.learning_rate = 0.05, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  Run run;
  for (int i = 0; i < steps; ++i) {
    const auto batch = easy_batch(i % 5 == 4 ? 17 : 32, static_cast<std::uint64_t>(i));
    run.losses.push_back(step(converted(batch.images, dtype), batch.labels));
  }
  for (const auto& [path, parameter] : parameters(model))
    run.parameters.push_back(values(parameter->value()));
  return run;
}

// The same layer twice.
struct Shared {
  Linear layer{6, 6};
  Var operator()(const Var& src) { return layer(relu(layer(src))); }
  void visit(auto&& each) { each("layer", layer); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(training_step_test)

BOOST_AUTO_TEST_CASE(the_loss_falls) {
  for (const bool batch_norm : {false, true}) {
    const auto run = train(batch_norm, DType::f32, 60);
    BOOST_TEST(run.losses.back() < 0.1 * run.losses.front(), "batch norm: " << batch_norm);
  }
}

// A step has sums of at most 32 terms; what differs is carried on by momentum, 1 / (1 - 0.9) = 10 times, and
// through 20 steps. Values are of size 1.
BOOST_AUTO_TEST_CASE(f32_stays_close_to_f64_over_twenty_steps) {
  for (const bool batch_norm : {false, true}) {
    const auto single = train(batch_norm, DType::f32, 20);
    const auto wide = train(batch_norm, DType::f64, 20);
    const double bound = 20 * 10 * test::summation_error(32);
    BOOST_TEST(test::within(single.losses, wide.losses, bound));
    for (std::size_t i = 0; i < wide.parameters.size(); ++i)
      BOOST_TEST(test::within(single.parameters[i], wide.parameters[i], bound), "parameter " << i);
  }
}

BOOST_AUTO_TEST_CASE(two_fresh_runs_are_identical_bit_for_bit) {
  for (const bool batch_norm : {false, true}) {
    const auto one = train(batch_norm, DType::f32, 20);
    const auto other = train(batch_norm, DType::f32, 20);
    BOOST_TEST((one.losses == other.losses));
    BOOST_TEST((one.parameters == other.parameters));
  }
}

BOOST_AUTO_TEST_CASE(the_loss_returned_is_that_before_the_update) {
  Mlp model{small(false)};
  initialize(model, Rng{5}, DType::f64);
  const auto batch = easy_batch(32, 1);
  const Tensor images = converted(batch.images, DType::f64);
  CompiledFunction evaluate{Mode::training,
                            [&](Tape&, Vars v) { return std::vector{cross_entropy(model(v[0]), v[1])}; }};
  const auto loss = [&] { return values(evaluate(std::array{images, batch.labels}).output(0))[0]; };
  const double before = loss();
  Sgd sgd{{.learning_rate = 0.05}};
  TrainingStep step{model, sgd, cross_entropy};
  BOOST_TEST(std::abs(step(images, batch.labels) - before) < 1e-14);
  const double after = loss();
  BOOST_TEST(after < before);
  BOOST_TEST(std::abs(step(images, batch.labels) - after) < 1e-14);
}

BOOST_AUTO_TEST_CASE(each_shape_of_batch_gets_its_own_statistics) {
  Mlp model{small(true)};
  initialize(model, Rng{5}, DType::f64);
  Sgd still{{.learning_rate = 0.0}};
  TrainingStep both{model, still, cross_entropy};
  const auto loss = [](auto& step, const Batch& batch) {
    return step(converted(batch.images, DType::f64), batch.labels);
  };
  const auto large = easy_batch(32, 1);
  const auto last = easy_batch(2, 2);
  const double large_loss = loss(both, large);
  const double last_loss = loss(both, last);
  TrainingStep alone{model, still, cross_entropy};
  BOOST_TEST(loss(alone, last) == last_loss);
  BOOST_TEST(loss(both, large) == large_loss);
}

BOOST_AUTO_TEST_CASE(a_layer_applied_twice_learns_from_both_places) {
  const auto loss = [](const Var& dst, const Var& target) { return mean(dst * target); };
  Shared model;
  initialize(model, Rng{2}, DType::f64);
  BOOST_TEST(parameters(model).size() == 2);
  const Tensor src = converted(random_tensor({5, 6}, 1), DType::f64);
  const Tensor target = converted(random_tensor({5, 6}, 2), DType::f64);
  const Tensor weights = parameters(model)[0].parameter->value().clone();
  const Tensor bias = parameters(model)[1].parameter->value().clone();

  // The same weights as two separate layers: their gradients add up.
  Tape tape;
  const std::array copies{tape.stored(weights.clone()), tape.stored(weights.clone())};
  const Var shift = tape.stored(bias);
  const Var dst = linear(relu(linear(tape.stored(src), copies[0], shift)), copies[1], shift);
  Plan plan{tape, gradients(loss(dst, tape.stored(target)), copies)};
  plan.run();

  Sgd sgd{{.learning_rate = 1.0}};
  TrainingStep step{model, sgd, loss};
  step(src, target);
  auto expected = values(weights);
  for (std::size_t i = 0; i < expected.size(); ++i)
    expected[i] -= values(plan.output(0))[i] + values(plan.output(1))[i];
  BOOST_TEST(test::within(values(parameters(model)[0].parameter->value()), expected, 1e-15));
}

BOOST_AUTO_TEST_CASE(a_label_out_of_range_is_an_error_and_changes_nothing) {
  Mlp model{small(false)};
  initialize(model, Rng{5});
  Sgd sgd{{.learning_rate = 0.05}};
  TrainingStep step{model, sgd, cross_entropy};
  const auto before = values(parameters(model)[0].parameter->value());
  const Tensor labels = Tensor::of<std::int32_t>({3}, {0, 4, 1});
  BOOST_TEST(test::throws_with<Error>(
      [&] {
        step(random_tensor({3, 12}, 1), labels);
      },
      {"row 1 has label 4, but there are 4 classes, 0 to 3"}));
  BOOST_TEST((values(parameters(model)[0].parameter->value()) == before));
}

// Without batch norm nothing but the loss can tell; it must not stay finite while the weights are lost.
BOOST_AUTO_TEST_CASE(a_nan_in_a_batch_is_reported) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Mlp model{small(false)};
    initialize(model, Rng{5}, dtype);
    Sgd sgd{{.learning_rate = 0.05}};
    TrainingStep step{model, sgd, cross_entropy};
    auto batch = easy_batch(32, 1);
    batch.images.data<float>()[20] = std::numeric_limits<float>::quiet_NaN();
    BOOST_CHECK_THROW(step(converted(batch.images, dtype), batch.labels), NonFiniteError);
    const auto clean = easy_batch(32, 2);
    BOOST_CHECK_THROW(step(converted(clean.images, dtype), clean.labels), NonFiniteError);
  }
}

// The second batch norm's input is not finite, the first one's is.
BOOST_AUTO_TEST_CASE(a_batch_that_is_refused_leaves_statistics_and_streams_as_they_were) {
  Layers model{BatchNorm{4}, Dropout{0.5}, Linear{4, 3}, [](const Var& x) { return x / x; }, BatchNorm{3}};
  initialize(model, Rng{1});
  Sgd sgd{{}};
  TrainingStep step{model, sgd, cross_entropy};
  auto gradient = value_and_grad(model, cross_entropy);
  AccumulatedStep parts{model, sgd, cross_entropy};
  const auto all_values = [&] {
    std::vector<std::byte> result;
    for (const auto& [path, parameter] : parameters(model)) {
      const auto& value = parameter->value();
      result.insert(result.end(), value.bytes(), value.bytes() + value.type().bytes());
    }
    return result;
  };
  const auto expect_refused = [&](const Tensor& images, const Tensor& labels) {
    const auto before = all_values();
    BOOST_CHECK_THROW(step(images, labels), Error);
    BOOST_CHECK_THROW(gradient(images, labels), Error);
    BOOST_CHECK_THROW(parts.add(images, labels), Error);
    BOOST_TEST((all_values() == before));
  };
  const Tensor images = random_tensor({8, 4}, 1);
  const Tensor labels = random_labels(8, 3, 1);
  const Tensor bad = labels.clone();
  bad.data<std::int32_t>()[5] = 3;
  expect_refused(images, bad);
  for (const auto& [path, parameter] : parameters(model[2]))
    std::ranges::fill(parameter->value().data<float>(), 0.0F);
  expect_refused(images, labels);
}

BOOST_AUTO_TEST_SUITE_END()
