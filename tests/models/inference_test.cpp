#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_labels;
using test::random_tensor;
using test::values;

using Vars = std::span<const Var>;
using Values = std::vector<double>;

std::map<std::string, Values> values_of(Mlp& model) {
  std::map<std::string, Values> result;
  for (const auto& [path, parameter] : parameters(model)) result[path] = values(parameter->value());
  return result;
}

Values apply_linear(const Values& src, std::size_t count, const Values& weights, const Values& bias) {
  const std::size_t inputs = src.size() / count;
  const std::size_t outputs = weights.size() / inputs;
  Values dst(count * outputs);
  for (std::size_t n = 0; n < count; ++n)
    for (std::size_t j = 0; j < outputs; ++j) {
      dst[n * outputs + j] = bias.empty() ? 0.0 : bias[j];
      for (std::size_t k = 0; k < inputs; ++k)
        dst[n * outputs + j] += src[n * inputs + k] * weights[j * inputs + k];
    }
  return dst;
}

// The network as its definition says, for one hidden layer.
Values by_hand(const std::map<std::string, Values>& p, const Values& images, std::size_t count,
               bool batch_norm) {
  auto hidden = apply_linear(images, count, p.at("fc1.weights"), batch_norm ? Values{} : p.at("fc1.bias"));
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    if (batch_norm) {
      const auto c = i % p.at("bn1.gamma").size();
      hidden[i] = p.at("bn1.gamma")[c] * (hidden[i] - p.at("bn1.running_mean")[c]) /
                      std::sqrt(p.at("bn1.running_variance")[c] + 1e-5) +
                  p.at("bn1.beta")[c];
    }
    hidden[i] = std::max(hidden[i], 0.0);
  }
  return apply_linear(hidden, count, p.at("fc2.weights"), p.at("fc2.bias"));
}

// A small network after some steps, so that nothing is zero or one any more.
struct Trained {
  explicit Trained(bool batch_norm)
      : model{{.inputs = 12, .hidden = {16}, .classes = 4, .batch_norm = batch_norm}} {
    initialize(model, Rng{5});
    for (std::uint64_t i = 0; i < 10; ++i) step(random_tensor({32, 12}, i), random_labels(32, 4, i));
  }
  Mlp model;
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep<Mlp, Sgd, Var (*)(const Var&, const Var&)> step{
      model, sgd, [](const Var& logits, const Var& labels) { return cross_entropy(logits, labels); }};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(inference_test)

// Sums of 12 and of 16 products of values of size up to 10.
BOOST_AUTO_TEST_CASE(it_computes_what_the_definition_says) {
  for (const bool batch_norm : {false, true}) {
    Trained trained{batch_norm};
    Inference inference{trained.model};
    for (const std::int64_t count : {1, 7, 32}) {
      const Tensor images = random_tensor({count, 12}, 99);
      const auto expected =
          by_hand(values_of(trained.model), values(images), static_cast<std::size_t>(count), batch_norm);
      BOOST_TEST(test::within(values(inference(images)), expected, 100 * test::summation_error(16)));
    }
  }
}

BOOST_AUTO_TEST_CASE(it_leaves_the_model_and_the_images_alone) {
  Trained trained{true};
  const auto before = values_of(trained.model);
  const Tensor images = random_tensor({32, 12}, 99);
  const auto pixels = values(images);
  Inference inference{trained.model};
  inference(images);
  BOOST_TEST((values_of(trained.model) == before));
  BOOST_TEST((values(images) == pixels));
}

BOOST_AUTO_TEST_CASE(it_follows_training_that_goes_on) {
  Trained trained{true};
  Inference inference{trained.model};
  const Tensor images = random_tensor({7, 12}, 99);
  const auto before = values(inference(images));
  trained.step(random_tensor({32, 12}, 50), random_labels(32, 4, 50));
  BOOST_TEST((values(inference(images)) != before));
  Inference fresh{trained.model};
  BOOST_TEST((values(inference(images)) == values(fresh(images))));
}

BOOST_AUTO_TEST_CASE(a_sample_s_prediction_does_not_depend_on_its_batch) {
  Trained trained{true};
  Inference inference{trained.model};
  const Tensor images = random_tensor({8, 12}, 99);
  const auto together = values(inference(images));
  const Tensor first = Tensor::of<float>({1, 12}, std::span<const float>{images.data<float>().first(12)});
  BOOST_TEST(
      test::within(values(inference(first)), std::span{together}.first(4), 100 * test::summation_error(16)));
}

BOOST_AUTO_TEST_CASE(training_and_inference_never_share_a_plan) {
  Trained trained{true};
  const Recording recording = [&](Tape&, Vars v) { return std::vector{trained.model(v[0])}; };
  CompiledFunction train{Mode::training, recording};
  CompiledFunction infer{Mode::inference, recording};
  const Tensor images = random_tensor({32, 12}, 99, 3.0, 1.0);
  const auto inferred = values(infer(std::span{&images, 1}).output(0));
  const auto before = values_of(trained.model);
  const auto normalized = values(train(std::span{&images, 1}).output(0));
  BOOST_TEST((normalized != inferred));
  BOOST_TEST((values_of(trained.model).at("bn1.running_mean") != before.at("bn1.running_mean")));
  BOOST_TEST((values_of(trained.model).at("bn1.gamma") == before.at("bn1.gamma")));
}

BOOST_AUTO_TEST_CASE(predictions_can_be_fed_back) {
  Linear model{64, 64};
  initialize(model, Rng{1});
  Inference once{model};
  Inference again{model};
  const Tensor src = random_tensor({50, 64}, 1);
  const Tensor expected = again(once(src)).clone();
  BOOST_TEST(test::values(once(once(src))) == test::values(expected), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
