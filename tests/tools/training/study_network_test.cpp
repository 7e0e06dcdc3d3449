// The networks that the studies train, and the probe that looks into them.

#include "keel/tools/training/network.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>

#include "keel/models/initialize.hpp"
#include "keel/models/mlp.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/tools/training/probe.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

Tensor uniform(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  Tensor tensor{Shape{rows, columns}};
  Rng rng{seed};
  for (auto& value : tensor.data<float>()) value = static_cast<float>(rng.uniform(-1.0, 1.0));
  return tensor;
}

Tensor labels(std::int64_t count, std::uint64_t classes) {
  Tensor tensor{Shape{count}, DType::s32};
  Rng rng{9};
  for (auto& value : tensor.data<std::int32_t>()) value = static_cast<std::int32_t>(rng.below(classes));
  return tensor;
}

std::vector<std::byte> bytes_of(const Tensor& tensor) {
  return {tensor.bytes(), tensor.bytes() + tensor.type().bytes()};
}

using Bytes = std::map<std::string, std::vector<std::byte>>;

template <class Model>
Bytes bytes_of(Model& model) {
  Bytes result;
  for (const auto& [path, parameter] : parameters(model)) result[path] = bytes_of(parameter->value());
  return result;
}

std::vector<float> values(const Tensor& tensor) {
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

NetworkOptions options(Norm norm, double dropout = 0.0) {
  NetworkOptions result{.inputs = 6, .hidden = {8, 7}, .classes = 3};
  result.norm = norm;
  result.dropout = dropout;
  result.activation = Activation::tanh;
  result.largest_batch = 16;
  return result;
}

BOOST_AUTO_TEST_SUITE(study_network)

BOOST_AUTO_TEST_CASE(in_inference_noisy_batch_norm_is_batch_norm) {
  Network plain{options(Norm::batch)};
  Network noisy{options(Norm::noisy_batch)};
  for (auto* network : {&plain, &noisy}) initialize(*network, Rng{1});
  Rng rng{2};
  noisy.draw_noise(rng);
  BOOST_TEST((bytes_of(plain) == bytes_of(noisy)));
  const auto images = uniform(16, 6, 5);
  Inference<Network> of_plain{plain};
  Inference<Network> of_noisy{noisy};
  BOOST_TEST(values(of_plain(images)) == values(of_noisy(images)), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(in_training_every_draw_of_noise_gives_other_logits) {
  Network network{options(Norm::noisy_batch)};
  initialize(network, Rng{1});
  CompiledFunction function{Mode::training,
                            [&](Tape&, std::span<const Var> v) { return std::vector{network(v[0])}; }};
  const std::array images{uniform(16, 6, 5)};
  Rng rng{2};
  network.draw_noise(rng);
  const auto before = values(function(images).output(0));
  BOOST_TEST(before == values(function(images).output(0)), boost::test_tools::per_element());
  network.draw_noise(rng);
  BOOST_TEST((before != values(function(images).output(0))));
}

BOOST_AUTO_TEST_CASE(a_network_starts_and_computes_as_an_mlp_from_the_same_seed) {
  for (const bool batch_norm : {false, true}) {
    Mlp mlp{{.inputs = 6, .hidden = {8, 7}, .classes = 3, .batch_norm = batch_norm}};
    auto like_it = options(batch_norm ? Norm::batch : Norm::none);
    like_it.activation = Activation::relu;
    Network network{like_it};
    initialize(mlp, Rng{11});
    initialize(network, Rng{11});
    BOOST_TEST((bytes_of(mlp) == bytes_of(network)));
    const auto images = uniform(16, 6, 5);
    Inference<Mlp> of_mlp{mlp};
    Inference<Network> of_network{network};
    BOOST_TEST(values(of_mlp(images)) == values(of_network(images)), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(what_variants_share_starts_alike) {
  Network plain{options(Norm::none)};
  initialize(plain, Rng{4});
  const auto expected = bytes_of(plain);
  for (const auto norm : {Norm::batch, Norm::noisy_batch, Norm::layer}) {
    Network network{options(norm, 0.5)};
    initialize(network, Rng{4});
    std::size_t shared = 0;
    for (const auto& [path, bytes] : bytes_of(network)) {
      if (!expected.contains(path)) continue;
      BOOST_TEST((bytes == expected.at(path)), path);
      ++shared;
    }
    BOOST_TEST(shared == (norm == Norm::layer ? 6U : 4U));  // no bias before batch norm
  }
}

BOOST_AUTO_TEST_CASE(arms_are_known_by_name) {
  const DataSet data{.name = {}, .digest = {}, .classes = 4, .train = {.height = 5, .width = 7}, .test = {}};
  const auto of = [&](const std::string& model) {
    return network_for(data, {.model = model, .hidden = {9, 8}, .batch_size = 32});
  };
  BOOST_TEST((of("plain").norm == Norm::none));
  BOOST_TEST((of("bn").norm == Norm::batch));
  BOOST_TEST((of("noisy-bn").norm == Norm::noisy_batch));
  BOOST_TEST((of("ln").norm == Norm::layer));
  BOOST_TEST(of("bn").inputs == 35);
  BOOST_TEST(of("bn").classes == 4);
  BOOST_TEST(of("bn").hidden == (std::vector<std::int64_t>{9, 8}), boost::test_tools::per_element());
  BOOST_TEST(of("noisy-bn").largest_batch == 32);
  BOOST_CHECK_THROW(of("perceptron"), Error);
  BOOST_TEST(name_of(Activation::relu) == "relu");
  BOOST_TEST(name_of(Activation::tanh) == "tanh");
  BOOST_TEST(name_of(Activation::sigmoid) == "sigmoid");
}

BOOST_AUTO_TEST_CASE(a_probe_leaves_no_trace) {
  for (const auto norm : {Norm::none, Norm::batch, Norm::noisy_batch, Norm::layer}) {
    Network network{options(norm, 0.3)};
    initialize(network, Rng{1});
    Rng rng{2};
    network.draw_noise(rng);
    const auto before = bytes_of(network);
    Probe probe{network};
    for (int i = 0; i < 3; ++i) {
      probe.weight_gradients(uniform(16, 6, 5), labels(16, 3));
      probe.last_hidden(uniform(9, 6, 6));
    }
    BOOST_TEST((bytes_of(network) == before));
  }
}

// SGD of rate 1 without momentum moves the weights by their gradient.
BOOST_AUTO_TEST_CASE(the_probes_gradients_are_those_of_a_training_step) {
  const auto images = uniform(16, 6, 5);
  const auto targets = labels(16, 3);
  for (const auto norm : {Norm::none, Norm::batch, Norm::noisy_batch, Norm::layer}) {
    Network network{options(norm)};
    initialize(network, Rng{1});
    Rng rng{2};
    network.draw_noise(rng);
    Probe probe{network};
    std::vector<std::vector<float>> gradients;
    for (const auto gradient : probe.weight_gradients(images, targets))
      gradients.emplace_back(gradient.begin(), gradient.end());
    BOOST_REQUIRE(gradients.size() == 3U);
    std::vector<std::vector<float>> before;
    for (const auto& [path, parameter] : parameters(network))
      if (path.ends_with(".weights")) before.push_back(values(parameter->value()));

    Sgd sgd{{.learning_rate = 1.0, .momentum = 0.0}};
    TrainingStep step{network, sgd, cross_entropy};
    step(images, targets);
    std::size_t layer = 0;
    for (const auto& [path, parameter] : parameters(network)) {
      if (!path.ends_with(".weights")) continue;
      const auto after = values(parameter->value());
      BOOST_REQUIRE(after.size() == gradients[layer].size());
      double largest = 0.0;
      for (std::size_t i = 0; i < after.size(); ++i) {
        const double moved = static_cast<double>(before[layer][i]) - static_cast<double>(after[i]);
        BOOST_TEST(std::abs(moved - gradients[layer][i]) < 1e-6, path << " " << i);
        largest = std::max(largest, std::abs(moved));
      }
      BOOST_TEST(largest > 1e-3, path);
      ++layer;
    }
  }
}

// The first hidden layer is the last: before its norm is the product of images and weights, after it each
// unit has mean 0 and variance 1 over the batch.
BOOST_AUTO_TEST_CASE(the_probe_sees_the_last_hidden_layer_before_and_after_its_norm) {
  auto one_layer = options(Norm::batch);
  one_layer.hidden = {7};
  Network network{one_layer};
  initialize(network, Rng{1});
  Probe probe{network};
  const auto images = uniform(16, 6, 5);
  const auto hidden = probe.last_hidden(images);
  BOOST_REQUIRE(hidden.units == 7U);
  BOOST_REQUIRE(hidden.before_norm.size() == 16U * 7U);
  BOOST_REQUIRE(hidden.before_activation.size() == 16U * 7U);
  const auto weights = parameters(network).front().parameter->value().data<float>();
  for (std::size_t unit = 0; unit < 7; ++unit) {
    double mean = 0.0;
    double square = 0.0;
    for (std::size_t row = 0; row < 16; ++row) {
      double sum = 0.0;
      for (std::size_t i = 0; i < 6; ++i)
        sum += static_cast<double>(images.data<float>()[6 * row + i]) * weights[6 * unit + i];
      BOOST_TEST(std::abs(hidden.before_norm[7 * row + unit] - sum) < 1e-5);
      mean += hidden.before_activation[7 * row + unit] / 16.0;
      square += std::pow(hidden.before_activation[7 * row + unit], 2) / 16.0;
    }
    BOOST_TEST(std::abs(mean) < 1e-5);
    BOOST_TEST(std::abs(square - 1.0) < 1e-2);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
