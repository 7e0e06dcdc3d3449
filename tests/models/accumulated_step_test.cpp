#include "keel/models/accumulated_step.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
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

using Values = std::vector<std::vector<double>>;

struct Net {
  Linear fc1{4, 8}, fc2{8, 3}, aside{3, 3};
  Var operator()(const Var& src) { return fc2(tanh(fc1(src))); }
  void visit(auto&& each) { each("fc1", fc1), each("fc2", fc2), each("aside", aside); }
};

Values values_of(Net& net) {
  Values result;
  for (const auto& [path, parameter] : parameters(net)) result.push_back(values(parameter->value()));
  return result;
}

Tensor rows(const Tensor& tensor, std::int64_t begin, std::int64_t end) {
  const auto row = tensor.shape().elements() / tensor.shape()[0];
  std::vector<std::int64_t> extents(tensor.shape().extents().begin(), tensor.shape().extents().end());
  extents[0] = end - begin;
  Tensor part{Shape{extents}, tensor.dtype()};
  const auto bytes = part.type().bytes() / static_cast<std::size_t>((end - begin) * row);
  std::copy_n(tensor.bytes() + static_cast<std::size_t>(begin * row) * bytes, part.type().bytes(),
              part.bytes());
  return part;
}

const Tensor& images() {
  static const Tensor tensor = random_tensor({23, 4}, 1);
  return tensor;
}
const Tensor& labels() {
  static const Tensor tensor = random_labels(23, 3, 1);
  return tensor;
}

template <class Optimizer>
void expect_the_whole_batch(const Optimizer& optimizer) {
  Net whole;
  Net parted;
  initialize(whole, Rng{1});
  initialize(parted, Rng{1});
  Optimizer of_whole{optimizer};
  Optimizer of_parts{optimizer};
  TrainingStep step{whole, of_whole, cross_entropy};
  AccumulatedStep parts{parted, of_parts, cross_entropy};
  for (int i = 0; i < 5; ++i) {
    const double loss = step(images(), labels());
    double sum = 0.0;
    for (std::int64_t begin = 0; begin < 23; begin += 5) {  // the last one has three rows
      const auto end = std::min<std::int64_t>(begin + 5, 23);
      const double part = parts.add(rows(images(), begin, end), rows(labels(), begin, end));
      sum += part * static_cast<double>(end - begin);
    }
    parts.apply();
    BOOST_TEST(std::abs(sum / 23 - loss) < 1e-6);
    const auto expected = values_of(whole);
    const auto actual = values_of(parted);
    for (std::size_t k = 0; k < expected.size(); ++k) BOOST_TEST(test::within(actual[k], expected[k], 1e-6));
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(accumulated_step_test)

BOOST_AUTO_TEST_CASE(parts_of_unlike_sizes_make_the_step_of_the_whole_batch) {
  expect_the_whole_batch(Sgd{{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 1e-3}});
  expect_the_whole_batch(Adam{{.learning_rate = 0.01, .epsilon = 1e-3, .weight_decay = 0.1}});
}

BOOST_AUTO_TEST_CASE(clipping_is_of_the_whole_gradient) {
  expect_the_whole_batch(Sgd{{.learning_rate = 0.1, .clip_norm = 0.05}});
  expect_the_whole_batch(Adam{{.learning_rate = 0.01, .epsilon = 1e-3, .clip_norm = 0.05}});
}

BOOST_AUTO_TEST_CASE(nothing_moves_before_apply_and_parameters_aside_never) {
  Net net;
  initialize(net, Rng{1});
  Adam adam{{.weight_decay = 0.5}};
  AccumulatedStep step{net, adam, cross_entropy};
  const auto before = values_of(net);
  step.add(images(), labels());
  step.add(images(), labels());
  BOOST_TEST((values_of(net) == before));
  step.apply();
  BOOST_TEST(adam.steps() == 1);
  const auto after = values_of(net);
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST((after[i] != before[i]));
  BOOST_TEST((after[4] == before[4]));
}

BOOST_AUTO_TEST_CASE(a_part_that_was_not_finite_is_reported_and_the_next_batch_begins_anew) {
  Net net;
  Net other;
  initialize(net, Rng{1});
  initialize(other, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  AccumulatedStep step{net, sgd, cross_entropy};
  AccumulatedStep other_step{other, sgd, cross_entropy};
  const Tensor bad = images().clone();
  bad.data<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  step.add(bad, labels());
  BOOST_CHECK_THROW(step.apply(), NonFiniteError);
  for (const auto& [path, parameter] : parameters(net)) parameter->set_value(Tensor{parameter->shape()});
  for (const auto& [path, parameter] : parameters(other)) parameter->set_value(Tensor{parameter->shape()});
  sgd.reset();
  step.add(images(), labels()), step.apply();
  other_step.add(images(), labels()), other_step.apply();
  BOOST_TEST((values_of(net) == values_of(other)));
}

BOOST_AUTO_TEST_CASE(frozen_parts_are_followed) {
  Net net;
  initialize(net, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  AccumulatedStep step{net, sgd, cross_entropy};
  step.add(images(), labels()), step.apply();
  freeze(net.fc1);
  const auto before = values_of(net);
  step.add(images(), labels()), step.apply();
  const auto after = values_of(net);
  BOOST_TEST((after[0] == before[0]));
  BOOST_TEST((after[2] != before[2]));
}

BOOST_AUTO_TEST_CASE(what_is_frozen_between_add_and_apply_is_left_aside) {
  Net net;
  Net other;
  initialize(net, Rng{1});
  initialize(other, Rng{1});
  Sgd sgd{{.learning_rate = 0.1, .clip_norm = 0.01}};
  AccumulatedStep step{net, sgd, cross_entropy};
  AccumulatedStep of_frozen{other, sgd, cross_entropy};
  step.add(images(), labels());
  freeze(net.fc1), freeze(other.fc1);
  step.apply();
  of_frozen.add(images(), labels()), of_frozen.apply();
  BOOST_TEST((values_of(net) == values_of(other)));
  unfreeze(net.fc1);
  const auto before = values_of(net);
  step.add(images(), labels()), step.apply();
  BOOST_TEST((values_of(net)[0] != before[0]));
}

BOOST_AUTO_TEST_CASE(a_model_that_is_frozen_as_a_whole_is_measured) {
  Net net;
  initialize(net, Rng{1});
  const auto before = values_of(net);
  Adam adam{{}};
  AccumulatedStep step{net, adam, cross_entropy};
  TrainingStep measured{net, adam, cross_entropy, TrainingStepOptions{.gradient_norm = true}};
  auto gradient = value_and_grad(net, cross_entropy);
  Update update{net, adam};
  freeze(net);
  const double loss = measured(images(), labels());
  BOOST_TEST(measured.reported("gradient_norm").item() == 0.0);
  BOOST_TEST(step.add(images(), labels()) == loss);
  step.apply();
  update(gradient(images(), labels()).grads);
  update({{"fc2.bias", Tensor{{3}}}});
  BOOST_TEST((values_of(net) == before));
  BOOST_TEST(adam.steps() == 0);
  unfreeze(net);
  measured(images(), labels());
  BOOST_TEST(measured.reported("gradient_norm").item() > 0.0);
}

BOOST_AUTO_TEST_CASE(a_failed_apply_leaves_what_was_added) {
  Net net;
  Net other;
  initialize(net, Rng{1});
  initialize(other, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  AccumulatedStep step{net, sgd, cross_entropy};
  AccumulatedStep undisturbed{other, sgd, cross_entropy};
  const auto first = [&](auto& to) { to.add(rows(images(), 0, 5), rows(labels(), 0, 5)); };
  const auto second = [&](auto& to) { to.add(rows(images(), 5, 23), rows(labels(), 5, 23)); };
  first(step);
  Linear away = std::move(net.fc1);
  BOOST_CHECK_THROW(step.apply(), Error);
  net.fc1 = std::move(away);
  second(step), step.apply();
  first(undisturbed), second(undisturbed), undisturbed.apply();
  const auto expected = values_of(other);
  const auto actual = values_of(net);
  for (std::size_t i = 0; i < expected.size(); ++i) BOOST_TEST(test::within(actual[i], expected[i], 1e-6));
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST((actual[i] != std::vector<double>(actual[i].size())));
}

BOOST_AUTO_TEST_CASE(what_was_added_can_be_dropped) {
  Net net;
  Net other;
  initialize(net, Rng{1});
  initialize(other, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  AccumulatedStep step{net, sgd, cross_entropy};
  AccumulatedStep undisturbed{other, sgd, cross_entropy};
  step.add(random_tensor({4, 4}, 7), random_labels(4, 3, 7));
  step.discard();
  BOOST_CHECK_THROW(step.apply(), Error);
  for (auto* each : {&step, &undisturbed}) each->add(images(), labels()), each->apply();
  BOOST_TEST((values_of(net) == values_of(other)));
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
  Net net;
  initialize(net, Rng{1});
  Sgd sgd{{.learning_rate = 0.1}};
  AccumulatedStep step{net, sgd, cross_entropy};
  BOOST_TEST(test::throws_with<Error>([&] { step.apply(); }, {"before any part of its batch was added"}));
  Update update{net, sgd};
  BOOST_TEST(test::throws_with<Error>(
      [&] {
        update({{"fc3.bias", Tensor{{3}}}});
      },
      {"accumulated_step_test.cpp:", "'fc3.bias'", "no such parameter"}));
  BOOST_TEST(test::throws_with<ShapeError>(
      [&] {
        update({{"fc2.bias", Tensor{{4}}}});
      },
      {"'fc2.bias' that is f32 (4); it is f32 (3)"}));
}

// Gradient descent written out.
BOOST_AUTO_TEST_CASE(an_update_by_gradients_that_are_given) {
  Net net;
  initialize(net, Rng{1});
  Sgd sgd{{.learning_rate = 0.5}};
  Update update{net, sgd};
  const auto before = values_of(net);
  update({{"fc2.bias", Tensor::of<float>({3}, {1, 2, 3})}});
  update(
      {{"aside.bias", Tensor::of<float>({3}, {2, 2, 2})}, {"fc2.bias", Tensor::of<float>({3}, {1, 2, 3})}});
  const auto after = values_of(net);
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(std::abs(after[3][i] - (before[3][i] - static_cast<double>(i + 1))) < 1e-6);
    BOOST_TEST(std::abs(after[5][i] - (before[5][i] - 1.0)) < 1e-6);
  }
  BOOST_TEST((after[0] == before[0]));
}

BOOST_AUTO_TEST_SUITE_END()
