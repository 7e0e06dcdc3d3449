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
using test::random_tensor;
using test::values;

using Vars = std::span<const Var>;

// Linear, BatchNorm, ReLU, Linear.
struct Network {
  explicit Network(bool bias = false, double epsilon = 1e-5)
      : fc1{6, 16, {.bias = bias}}, bn1{16, {.epsilon = epsilon}} {}
  Linear fc1;
  BatchNorm bn1;
  Linear fc2{16, 3};

  Var operator()(const Var& src) { return fc2(relu(bn1(fc1(src)))); }
  void visit(auto&& each) {
    each("fc1", fc1);
    each("bn1", bn1);
    each("fc2", fc2);
  }
};

Parameter& find(Network& model, std::string_view path) {
  for (const auto& [name, parameter] : parameters(model))
    if (name == path) return *parameter;
  throw Error{"no parameter " + std::string{path}};
}

std::vector<std::byte> bytes_of(Network& model) {
  std::vector<std::byte> result;
  for (const auto& [path, parameter] : parameters(model)) {
    const auto& value = parameter->value();
    result.insert(result.end(), value.bytes(), value.bytes() + value.type().bytes());
  }
  return result;
}

// The network's loss on a batch, without an update of weights.
struct Trial {
  std::vector<double> logits;
  std::vector<double> bias_gradient;  // of fc1, where it has one
};

Trial training_trial(Network& model, const Tensor& images, const Tensor& labels) {
  Tape tape;
  const Var src = tape.input(images.type());
  const Var logits = model(src);
  std::vector<Var> outputs{logits};
  bool has_bias = false;
  for (const auto& [path, parameter] : parameters(model)) has_bias = has_bias || path == "fc1.bias";
  if (has_bias) {
    const Var bias = tape.stored(find(model, "fc1.bias").value());
    outputs.push_back(gradients(cross_entropy(logits, tape.stored(labels)), std::span{&bias, 1})[0]);
  }
  Plan plan{tape, outputs, {.rules = fusion_rules()}};
  plan.bind(src, images);
  plan.run();
  return {values(plan.output(0)), has_bias ? values(plan.output(1)) : std::vector<double>{}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(batch_norm_layer_test)

BOOST_AUTO_TEST_CASE(a_training_tape_normalizes_by_the_batch_and_an_inference_tape_by_the_running_averages) {
  BatchNorm norm{2, {.momentum = 0.5, .epsilon = 0.0}};
  initialize(norm, Rng{1}, DType::f64);
  const Tensor batch = Tensor::of<double>({2, 2}, {3, 10, 5, 30});
  CompiledFunction train{Mode::training, [&](Tape&, Vars v) { return std::vector{norm(v[0])}; }};
  CompiledFunction infer{Mode::inference, [&](Tape&, Vars v) { return std::vector{norm(v[0])}; }};
  BOOST_TEST(values(infer(std::span{&batch, 1}).output(0)) == values(batch),
             boost::test_tools::per_element());
  BOOST_TEST(values(train(std::span{&batch, 1}).output(0)) == (std::vector<double>{-1, -1, 1, 1}),
             boost::test_tools::per_element());
  // Running means 2 and 10, running variances (1 + 2) / 2 and (1 + 200) / 2.
  const double a = std::sqrt(1.5);
  const double b = std::sqrt(100.5);
  BOOST_TEST(test::within(values(infer(std::span{&batch, 1}).output(0)),
                          std::vector{1 / a, 0.0, 3 / a, 20 / b}, 1e-15));
}

BOOST_AUTO_TEST_CASE(the_running_averages_are_updated_once_a_step) {
  BatchNorm norm{16};
  initialize(norm, Rng{1}, DType::f64);
  Sgd sgd{{.learning_rate = 0.0}};
  TrainingStep step{norm, sgd, [](const Var& dst, const Var& target) { return mean(dst * target); }};
  const Tensor batch = converted(random_tensor({8, 16}, 1), DType::f64);
  const auto running_mean = parameters(norm)[2].parameter->value();
  std::vector<double> means(16);
  for (std::size_t i = 0; i < 8 * 16; ++i) means[i % 16] += values(batch)[i] / 8;
  double weight = 0.0;  // of the batch in the running mean, after some steps on the same batch
  for (int i = 0; i < 3; ++i) {
    step(batch, batch);
    weight = 0.9 * weight + 0.1;
    for (std::size_t c = 0; c < 16; ++c)
      BOOST_TEST(std::abs(values(running_mean)[c] - weight * means[c]) < 1e-15);
  }
}

BOOST_AUTO_TEST_CASE(inference_changes_no_byte_of_the_model) {
  Network model;
  initialize(model, Rng{1});
  training_trial(model, random_tensor({8, 6}, 1), test::random_labels(8, 3));
  const auto before = bytes_of(model);
  Inference inference{model};
  for (const std::int64_t count : {1, 8, 3}) inference(random_tensor({count, 6}, 2));
  BOOST_TEST((bytes_of(model) == before));
}

BOOST_AUTO_TEST_CASE(a_bias_before_it_has_no_effect_and_no_gradient) {
  Network with{true};
  Network without{false};
  initialize(with, Rng{3}, DType::f64);
  initialize(without, Rng{3}, DType::f64);
  const Tensor images = converted(random_tensor({32, 6}, 1), DType::f64);
  const Tensor labels = test::random_labels(32, 3);
  const auto biased = training_trial(with, images, labels);
  const auto plain = training_trial(without, images, labels);
  BOOST_TEST(test::within(biased.logits, plain.logits, 1e-13));
  BOOST_TEST(test::within(biased.bias_gradient, std::vector<double>(16, 0.0), 1e-15));
}

BOOST_AUTO_TEST_CASE(the_scale_of_the_weights_before_it_does_not_matter) {
  Network model{false, 1e-14};
  initialize(model, Rng{3}, DType::f64);
  const Tensor images = converted(random_tensor({32, 6}, 1), DType::f64);
  const Tensor labels = test::random_labels(32, 3);
  const auto once = training_trial(model, images, labels);
  for (auto& weight : find(model, "fc1.weights").value().data<double>()) weight *= 10.0;
  const auto tenfold = training_trial(model, images, labels);
  BOOST_TEST(test::within(tenfold.logits, once.logits, 1e-11));
}

BOOST_AUTO_TEST_CASE(a_nan_in_a_batch_is_reported_and_changes_nothing) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Network model;
    initialize(model, Rng{1}, dtype);
    Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
    TrainingStep step{model, sgd, cross_entropy};
    const Tensor labels = test::random_labels(8, 3);
    step(converted(random_tensor({8, 6}, 1), dtype), labels);
    const auto before = bytes_of(model);
    Tensor images = random_tensor({8, 6}, 2);
    images.data<float>()[20] = std::numeric_limits<float>::quiet_NaN();
    BOOST_TEST(test::throws_with<NonFiniteError>([&] { step(converted(images, dtype), labels); },
                                                 {"running_statistics", "batch_norm_layer_test.cpp:"}));
    BOOST_TEST((bytes_of(model) == before), name_of(dtype));
    BOOST_TEST(std::isfinite(step(converted(random_tensor({8, 6}, 1), dtype), labels)));
  }
}

BOOST_AUTO_TEST_CASE(a_batch_of_one_is_an_error_in_training_and_fine_in_inference) {
  Network model;
  initialize(model, Rng{1});
  Sgd sgd{{}};
  TrainingStep step{model, sgd, cross_entropy};
  const Tensor one = random_tensor({1, 6}, 1);
  BOOST_TEST(test::throws_with<ShapeError>([&] { step(one, test::random_labels(1, 3)); },
                                           {"more than one sample", "batch_norm_layer_test.cpp:"}));
  Inference inference{model};
  BOOST_TEST(to_string(inference(one).shape()) == "(1, 3)");
}

BOOST_AUTO_TEST_SUITE_END()
