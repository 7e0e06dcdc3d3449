#include "keel/models/fold.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::converted;
using test::random_labels;
using test::random_tensor;
using test::throws_with;
using test::values;

std::vector<std::vector<double>> values_of(auto& model) {
  std::vector<std::vector<double>> result;
  for (const auto& [path, parameter] : parameters(model)) result.push_back(values(parameter->value()));
  return result;
}

// After some steps, so that nothing is zero or one any more.
template <class Model>
void train(Model& model, DType dtype) {
  initialize(model, Rng{5}, dtype);
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  for (std::uint64_t i = 1; i <= 10; ++i)
    step(converted(random_tensor({16, 6}, i, 2.0, 1.0), dtype), random_labels(16, 3, i));
}

Mlp network() {
  return Mlp{{.inputs = 6, .hidden = {16, 12}, .classes = 3, .batch_norm = true}};
}

// A linear layer whose output is read twice.
struct ReadTwice {
  Linear fc{6, 6};
  BatchNorm norm{6};
  Var operator()(const Var& src) {
    const Var hidden = fc(src);
    return norm(hidden) + hidden;
  }
  void visit(auto&& each) {
    each("fc", fc);
    each("norm", norm);
  }
};

// The largest difference of what the folded and the original model predict, relative to the largest logit.
template <class Model>
double difference(Model& model, DType dtype, std::int64_t count) {
  const Tensor images = converted(random_tensor({count, 6}, 99, 2.0, 1.0), dtype);
  Inference original{model};
  auto folded = fold_batch_norm(model, images.type());
  const auto expected = values(original(images));
  const auto actual = values(folded(images));
  double worst = 0.0;
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(actual[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return worst / largest;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fold_test)

BOOST_AUTO_TEST_CASE(the_logits_are_the_same_within_1e_5) {
  for (const std::int64_t count : {1, 7, 32}) {
    for (const auto& [dtype, bound] : {std::pair{DType::f32, 1e-5}, {DType::f64, 1e-13}}) {
      Mlp without_bias = network();
      train(without_bias, dtype);
      BOOST_TEST(difference(without_bias, dtype, count) < bound);
      Sequential with_bias{Linear{6, 16}, BatchNorm{16, {.epsilon = 1e-3}}, relu, Linear{16, 3},
                           BatchNorm{3}};
      train(with_bias, dtype);
      BOOST_TEST(difference(with_bias, dtype, count) < bound);
    }
  }
}

BOOST_AUTO_TEST_CASE(behind_a_convolution_the_logits_are_the_same_within_1e_5) {
  for (const bool bias : {false, true}) {
    for (const auto& [dtype, bound] : {std::pair{DType::f32, 1e-5}, {DType::f64, 1e-13}}) {
      const auto images = [](const Var& src) { return reshape(src, {-1, 1, 2, 3}); };
      const auto flat = [](const Var& src) { return flatten(src); };
      Sequential model{images,       Conv2d{1, 8, 2, {.padding = 1, .bias = bias}}, BatchNorm{8}, relu, flat,
                       Linear{96, 3}};
      train(model, dtype);
      BOOST_TEST(difference(model, dtype, 7) < bound);
      const auto folded = fold_batch_norm(model, {Shape{7, 6}, dtype});
      for (const auto& step : folded.plan().steps())
        BOOST_TEST(step.node.op->name().find("batch_norm") == std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_left_are_the_layers) {
  Mlp model = network();
  train(model, DType::f32);
  std::vector<std::string> names;
  const auto folded = fold_batch_norm(model, {Shape{32, 6}, DType::f32});
  for (const auto& step : folded.plan().steps()) names.emplace_back(step.node.op->name());
  BOOST_TEST(names == (std::vector<std::string>{"linear", "relu", "linear", "relu", "linear"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_model_is_not_changed_nor_followed) {
  Mlp model = network();
  train(model, DType::f32);
  const auto before = values_of(model);
  const Tensor images = random_tensor({8, 6}, 99);
  auto folded = fold_batch_norm(model, images.type());
  const auto logits = values(folded(images));
  BOOST_TEST((values_of(model) == before));
  for (auto& gamma : parameters(model)[1].parameter->value().data<float>()) gamma *= 2.0F;
  BOOST_TEST((values(folded(images)) == logits));
  BOOST_TEST((values(fold_batch_norm(model, images.type())(images)) != logits));
}

BOOST_AUTO_TEST_CASE(batch_norm_behind_anything_else_is_refused) {
  const ValueType batch{Shape{8, 6}, DType::f32};
  Sequential behind_relu{Linear{6, 6}, relu, BatchNorm{6}};
  Sequential first{BatchNorm{6}, Linear{6, 3}};
  Sequential twice{Linear{6, 6}, BatchNorm{6}, BatchNorm{6}, BatchNorm{6}};
  ReadTwice read_twice;
  initialize(behind_relu, Rng{1});
  initialize(first, Rng{1});
  initialize(twice, Rng{1});
  initialize(read_twice, Rng{1});
  const auto refused = [&](auto& model) {
    return throws_with<Error>([&] { fold_batch_norm(model, batch); },
                              {"can't be folded", "directly behind a layer with weights"});
  };
  BOOST_TEST(refused(behind_relu));
  BOOST_TEST(refused(first));
  BOOST_TEST(refused(read_twice));
  // One behind the other: each finds the layer that the one before was folded into.
  const Tensor images = random_tensor({8, 6}, 1);
  BOOST_TEST(difference(twice, DType::f32, 8) < 1e-5);
}

BOOST_AUTO_TEST_CASE(a_refusal_names_the_line_of_the_batch_norm) {
  ReadTwice model;
  initialize(model, Rng{1});
  BOOST_TEST(throws_with<Error>(
      [&] {
        fold_batch_norm(model, {Shape{8, 6}, DType::f32});
      },
      {"the batch norm at fold_test.cpp:"}));
}

BOOST_AUTO_TEST_CASE(in_training_it_is_refused) {
  Mlp model = network();
  initialize(model, Rng{1});
  BOOST_TEST(throws_with<Error>(
      [&] {
        fold_batch_norm([&](const Var& src) { return model(src); }, {Shape{8, 6}, DType::f32},
                        Mode::training);
      },
      {"can't be folded", "each batch's own statistics"}));
}

BOOST_AUTO_TEST_CASE(a_batch_of_another_shape_is_named) {
  Mlp model = network();
  initialize(model, Rng{1});
  auto folded = fold_batch_norm(model, {Shape{8, 6}, DType::f32});
  BOOST_TEST(throws_with<ShapeError>([&] { folded(random_tensor({7, 6}, 1)); }, {"(8, 6)", "(7, 6)"}));
}

// Its last layer has no batch norm and is not folded.
BOOST_AUTO_TEST_CASE(training_that_goes_on_reaches_no_part_of_what_was_folded) {
  auto model = network();
  train(model, DType::f32);
  const Tensor images = random_tensor({8, 6}, 99);
  auto folded = fold_batch_norm(model, images.type());
  const auto before = values(folded(images));
  train(model, DType::f32);
  for (const auto& [path, parameter] : parameters(model)) parameter->set_value(Tensor{parameter->shape()});
  BOOST_TEST(values(folded(images)) == before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
