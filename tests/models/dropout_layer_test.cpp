#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
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
using Masks = std::vector<std::vector<double>>;

// Two dropouts of the same input.
struct Pair {
  Dropout first{0.5};
  Dropout second{0.5};
  void visit(auto&& each) {
    each("first", first);
    each("second", second);
  }
};

template <class Layer>
CompiledFunction training(Layer& layer) {
  return CompiledFunction{Mode::training, [&layer](Tape&, Vars v) { return std::vector{layer(v[0])}; }};
}

Tensor ones(std::int64_t count, DType dtype = DType::f32) {
  Tensor tensor{Shape{count, 50}};
  std::ranges::fill(tensor.data<float>(), 1.0F);
  return converted(tensor, dtype);
}

// What five steps make of ones, on batches of changing size; recorded anew each time where asked.
Masks five_masks(std::uint64_t seed, bool recorded_anew = false, DType dtype = DType::f32) {
  Dropout layer{0.25};
  initialize(layer, Rng{seed}, dtype);
  auto step = training(layer);
  Masks masks;
  for (const std::int64_t count : {8, 8, 3, 8, 3}) {
    const Tensor batch = ones(count, dtype);
    if (recorded_anew) step = training(layer);
    auto mask = values(step(std::span{&batch, 1}).output(0));
    for (auto& value : mask) value = value > 0.0 ? 1.0 : 0.0;
    masks.push_back(std::move(mask));
  }
  return masks;
}

// Linear, ReLU, dropout, Linear.
struct Network {
  Linear fc1{12, 64};
  Dropout dropout{0.5};
  Linear fc2{64, 4};
  Var operator()(const Var& src) { return fc2(dropout(relu(fc1(src)))); }
  void visit(auto&& each) {
    each("fc1", fc1);
    each("dropout", dropout);
    each("fc2", fc2);
  }
};

std::vector<double> losses(std::uint64_t seed) {
  Network model;
  initialize(model, Rng{seed});
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  const Tensor images = random_tensor({32, 12}, 1);
  const Tensor labels = random_labels(32, 4);
  std::vector<double> result;
  for (int i = 0; i < 60; ++i) result.push_back(step(images, labels));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dropout_layer_test)

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_masks_replayed_or_not) {
  const auto masks = five_masks(1);
  BOOST_TEST((five_masks(1) == masks));
  BOOST_TEST((five_masks(1, true) == masks));
  BOOST_TEST((five_masks(1, false, DType::f64) == masks));
  for (std::size_t i = 0; i < masks.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) BOOST_TEST((masks[i] != masks[j]), i << " and " << j);
}

BOOST_AUTO_TEST_CASE(another_seed_gives_other_masks) {
  const auto one = five_masks(1);
  const auto two = five_masks(2);
  for (std::size_t i = 0; i < one.size(); ++i) BOOST_TEST((one[i] != two[i]));
}

BOOST_AUTO_TEST_CASE(two_layers_draw_different_masks) {
  Pair pair;
  initialize(pair, Rng{1});
  auto first = training(pair.first);
  auto second = training(pair.second);
  const Tensor batch = ones(8);
  BOOST_TEST(
      (values(first(std::span{&batch, 1}).output(0)) != values(second(std::span{&batch, 1}).output(0))));
}

BOOST_AUTO_TEST_CASE(initializing_again_starts_the_stream_afresh) {
  Dropout layer{0.5};
  initialize(layer, Rng{1});
  auto step = training(layer);
  const Tensor batch = ones(8);
  const auto first = values(step(std::span{&batch, 1}).output(0));
  BOOST_TEST((values(step(std::span{&batch, 1}).output(0)) != first));
  initialize(layer, Rng{1});
  BOOST_TEST((values(step(std::span{&batch, 1}).output(0)) == first));
}

BOOST_AUTO_TEST_CASE(in_inference_and_at_a_rate_of_zero_nothing_happens) {
  for (const auto& [rate, mode] : {std::pair{0.5, Mode::inference}, {0.0, Mode::training}}) {
    Dropout layer{rate};
    initialize(layer, Rng{1});
    Tape tape{mode};
    const Var src = tape.input(Shape{3, 4});
    BOOST_TEST(layer(src).id() == src.id());
    BOOST_TEST(tape.program().nodes.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_network_with_it_trains_and_is_the_same_bit_for_bit) {
  const auto one = losses(3);
  BOOST_TEST((losses(3) == one));
  BOOST_TEST(one.back() < 0.5 * one.front());
}

BOOST_AUTO_TEST_CASE(freezing_statistics_leaves_its_stream_running) {
  Network model;
  initialize(model, Rng{3});
  freeze(model);
  freeze_statistics(model);
  Sgd sgd{{}};
  TrainingStep step{model, sgd, cross_entropy};
  const Tensor images = random_tensor({32, 12}, 1);
  const Tensor labels = random_labels(32, 4);
  const double first = step(images, labels);
  BOOST_TEST(step(images, labels) != first);
}

BOOST_AUTO_TEST_CASE(rates_out_of_range_are_named) {
  for (const double rate : {-0.5, 1.0, std::numeric_limits<double>::quiet_NaN()})
    BOOST_TEST(test::throws_with<Error>([&] { (Dropout{rate}); }, {"rate of a dropout must be in [0, 1)"}));
}

BOOST_AUTO_TEST_SUITE_END()
