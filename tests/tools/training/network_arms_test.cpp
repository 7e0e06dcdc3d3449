// The arms that stand beside batch norm: weight norm, group norm, residual with SkipInit, batch norm's
// variants.

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <numbers>

#include "../../support/random_tensor.hpp"
#include "../../support/study_support.hpp"
#include "keel/models/compute.hpp"
#include "keel/models/gradcheck_model.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

const DataSet& six_pixels() {
  static const DataSet data{
      .name = {}, .digest = {}, .classes = 3, .train = {.height = 2, .width = 3}, .test = {}};
  return data;
}

NetworkOptions options_of(const std::string& model, std::vector<std::int64_t> hidden = {8, 8}) {
  return network_for(six_pixels(), {.model = model, .hidden = std::move(hidden), .batch_size = 16});
}

std::map<std::string, std::span<float>> values_of(Network& network) {
  std::map<std::string, std::span<float>> values;
  for (const auto& [path, parameter] : parameters(network)) values[path] = parameter->value().data<float>();
  return values;
}

std::vector<float> copied(std::span<const float> values) {
  return {values.begin(), values.end()};
}

// What the first hidden layer gives in training, (N, units) row by row.
std::vector<float> first_hidden(Network& network, const Tensor& images) {
  CompiledFunction function{Mode::training, [&](Tape&, std::span<const Var> inputs) {
                              return std::vector{network.trace(inputs[0]).before_norm[1]};
                            }};
  return copied(function(std::array{images}).output(0).data<float>());
}

// Sum, and sum of squares, of every `stride`-th of `count` values from `first` on, over their number.
std::pair<double, double> moments(std::span<const float> values, std::size_t first, std::size_t stride,
                                  std::size_t count) {
  double mean = 0.0;
  double square = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = values[first + i * stride];
    mean += value / static_cast<double>(count);
    square += value * value / static_cast<double>(count);
  }
  return {mean, square};
}

// A step on the tiny data, and all parameters before and behind `epochs` of it.
struct Trained {
  Trained(const std::string& model, const std::string& optimizer, int epochs, double learning_rate)
      : settings{.model = model,
                 .hidden = {8, 8},
                 .epochs = epochs,
                 .batch_size = 64,
                 .learning_rate = learning_rate,
                 .optimizer = optimizer},
        network{network_for(tiny_data(), settings)},
        loop{network, settings, {.data = tiny_data(), .stop = {}}} {
    for (const auto& [path, values] : values_of(network)) before[path] = copied(values);
  }
  ThreadLimit one_thread{1};
  RunSettings settings;
  Network network;
  TrainingLoop loop;
  std::map<std::string, std::vector<float>> before;
};

BOOST_AUTO_TEST_SUITE(network_arms)

// Applied to the unit vectors, the layer gives its weights.
BOOST_AUTO_TEST_CASE(weight_norms_rows_have_the_length_scale) {
  WeightNormLinear layer{6, 4};
  initialize(layer, Rng{3});
  std::map<std::string, std::span<float>> values;
  for (const auto& [path, parameter] : parameters(layer)) values[path] = parameter->value().data<float>();
  for (const float scale : values.at("scale"))
    BOOST_TEST(scale == std::numbers::sqrt2, boost::test_tools::tolerance(1e-6));
  for (std::size_t row = 0; row < 4; ++row) values.at("scale")[row] = static_cast<float>(row) - 1.5F;
  for (std::size_t row = 0; row < 4; ++row) values.at("bias")[row] = 10.0F * static_cast<float>(row);
  Tensor unit_vectors{Shape{6, 6}};
  for (std::size_t i = 0; i < 6; ++i) unit_vectors.data<float>()[7 * i] = 1.0F;
  const auto columns = compute([&](Var src) { return layer(src); }, unit_vectors);
  for (std::size_t row = 0; row < 4; ++row) {
    double square = 0.0;
    double along = 0.0;
    double direction = 0.0;
    for (std::size_t i = 0; i < 6; ++i) {
      const double weight = columns.data<float>()[4 * i + row] - 10.0 * static_cast<double>(row);
      const double raw = values.at("weights")[6 * row + i];
      square += weight * weight, along += weight * raw, direction += raw * raw;
    }
    const double scale = static_cast<double>(row) - 1.5;
    BOOST_TEST(std::sqrt(square) == std::abs(scale), boost::test_tools::tolerance(1e-4));
    BOOST_TEST(along / std::sqrt(direction) == scale, boost::test_tools::tolerance(1e-4));
  }
}

BOOST_AUTO_TEST_CASE(weight_norm_ignores_the_length_of_its_weights) {
  Network network{options_of("weight-norm")};
  initialize(network, Rng{3});
  Inference<Network> inference{network};
  const auto images = random_tensor({5, 6}, 2);
  const auto before = copied(inference(images).data<float>());
  const auto weights = values_of(network).at("fc2.weights");
  for (auto& weight : weights) weight *= 4.0F;
  const auto after = copied(inference(images).data<float>());
  for (std::size_t i = 0; i < before.size(); ++i) BOOST_TEST(std::abs(before[i] - after[i]) < 1e-5);
}

// From the second hidden layer on nothing is added at first, so that three layers are as good as one.
BOOST_AUTO_TEST_CASE(skip_init_starts_as_the_identity_from_the_second_layer_on) {
  Network deep{options_of("skip-init", {8, 8, 8})};
  Network shallow{options_of("he", {8})};
  initialize(deep, Rng{5});
  initialize(shallow, Rng{6});
  auto from = values_of(deep);
  auto to = values_of(shallow);
  std::ranges::copy(from.at("fc1.weights"), to.at("fc1.weights").begin());
  std::ranges::copy(from.at("fc4.weights"), to.at("fc2.weights").begin());
  Inference<Network> of_deep{deep};
  Inference<Network> of_shallow{shallow};
  const auto images = random_tensor({9, 6}, 2);
  const auto expected = copied(of_shallow(images).data<float>());
  BOOST_TEST(copied(of_deep(images).data<float>()) == expected, boost::test_tools::per_element());
  BOOST_TEST((!from.contains("skip1") && from.contains("skip2") && from.contains("skip3")));
  from.at("skip3")[0] = 0.5F;
  BOOST_TEST((copied(of_deep(images).data<float>()) != expected));
}

// x + s relu(W x + b), worked out in double.
BOOST_AUTO_TEST_CASE(a_skip_adds_what_its_layer_gives_times_its_number) {
  Network network{options_of("skip-init", {4, 4})};
  initialize(network, Rng{5});
  auto values = values_of(network);
  values.at("skip2")[0] = -0.75F;
  const auto images = random_tensor({1, 6}, 2);
  const auto layer = [&](const std::string& name, const std::vector<double>& src, bool rectified) {
    const auto weights = values.at(name + ".weights");
    const auto bias = values.at(name + ".bias");
    std::vector<double> dst;
    for (std::size_t row = 0; row < bias.size(); ++row) {
      double sum = bias[row];
      for (std::size_t i = 0; i < src.size(); ++i) sum += weights[row * src.size() + i] * src[i];
      dst.push_back(rectified ? std::max(sum, 0.0) : sum);
    }
    return dst;
  };
  auto hidden = layer("fc1", {images.data<float>().begin(), images.data<float>().end()}, true);
  const auto added = layer("fc2", hidden, true);
  for (std::size_t i = 0; i < hidden.size(); ++i) hidden[i] -= 0.75 * added[i];
  const auto expected = layer("fc3", hidden, false);
  Inference<Network> inference{network};
  const auto logits = copied(inference(images).data<float>());
  for (std::size_t i = 0; i < expected.size(); ++i) BOOST_TEST(std::abs(logits[i] - expected[i]) < 1e-5);
}

BOOST_AUTO_TEST_CASE(skips_between_layers_of_different_widths_are_refused) {
  BOOST_CHECK_EXCEPTION((Network{options_of("skip-init", {8, 7})}), Error, [](const Error& error) {
    return std::string_view{error.what()}.find("8 and 7") != std::string_view::npos;
  });
}

BOOST_AUTO_TEST_CASE(bare_batch_norm_keeps_gamma_at_1_and_beta_at_0) {
  for (const char* optimizer : {"sgd", "adam"}) {
    Trained trained{"bn-bare", optimizer, 3, 0.05};
    trained.loop.train();
    std::size_t kept = 0;
    for (const auto& [path, values] : values_of(trained.network)) {
      if (path.ends_with(".gamma") || path.ends_with(".beta")) {
        const float expected = path.ends_with(".gamma") ? 1.0F : 0.0F;
        for (const float value : values) BOOST_TEST(value == expected, path);
        ++kept;
      } else {
        BOOST_TEST((copied(values) != trained.before.at(path)), path);
      }
    }
    BOOST_TEST(kept == 4U);
  }
}

BOOST_AUTO_TEST_CASE(usual_batch_norm_trains_gamma_and_beta) {
  Trained trained{"bn", "sgd", 1, 0.05};
  trained.loop.train();
  for (const auto& [path, values] : values_of(trained.network))
    BOOST_TEST((copied(values) != trained.before.at(path)), path);
}

// With the identity in the second layer, what this one is given can be read off: mean 0 and variance 1 over
// the batch, and not what batch norm before the ReLU leaves, which is never negative.
BOOST_AUTO_TEST_CASE(batch_norm_behind_the_activation_normalizes_what_that_gives) {
  const auto images = random_tensor({200, 6}, 2);
  for (const bool behind : {true, false}) {
    Network network{options_of(behind ? "bn-after" : "bn", {6, 6})};
    initialize(network, Rng{5});
    auto weights = values_of(network).at("fc2.weights");
    std::ranges::fill(weights, 0.0F);
    for (std::size_t i = 0; i < 6; ++i) weights[7 * i] = 1.0F;
    const auto hidden = first_hidden(network, images);
    for (std::size_t unit = 0; unit < 6; ++unit) {
      const auto [mean, square] = moments(hidden, unit, 6, 200);
      BOOST_TEST((std::abs(mean) < 1e-4) == behind, "mean " << mean);
      BOOST_TEST((std::abs(square - 1.0) < 1e-2) == behind, "square " << square);
    }
    BOOST_TEST((std::ranges::min(hidden) < 0.0F) == behind);
  }
}

// Eight features are four groups of two, sixteen eight, seven one; each is normalized by itself.
BOOST_AUTO_TEST_CASE(group_norm_has_groups_of_more_than_one_feature) {
  for (const auto& [features, group] : {std::pair{8, 2}, {16, 2}, {32, 4}, {7, 7}}) {
    Network network{options_of("gn", {features, features})};
    initialize(network, Rng{5});
    CompiledFunction function{Mode::training, [&](Tape&, std::span<const Var> inputs) {
                                const auto trace = network.trace(inputs[0]);
                                return std::vector{trace.before_norm[0], trace.before_activation[0]};
                              }};
    const auto& plan = function(std::array{random_tensor({5, 6}, 2)});
    const auto src = copied(plan.output(0).data<float>());
    const auto dst = copied(plan.output(1).data<float>());
    const auto size = static_cast<std::size_t>(group);
    for (std::size_t begin = 0; begin < src.size(); begin += size) {
      const auto [mean, square] = moments(src, begin, 1, size);
      const double deviation = std::sqrt(square - mean * mean + 1e-5);
      for (std::size_t i = begin; i < begin + size; ++i)
        BOOST_TEST(std::abs(dst[i] - (src[i] - mean) / deviation) < 1e-3, features << " at " << i);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_arms_gradients_are_those_of_differences) {
  const auto images = random_tensor({9, 6}, 4);
  Tensor labels{Shape{9}, DType::s32};
  for (std::size_t i = 0; i < 9; ++i) labels.data<std::int32_t>()[i] = static_cast<std::int32_t>(i % 3);
  for (const char* model :
       {"he", "skip-init", "ln", "gn", "weight-norm", "bn", "bn-bare", "bn-after", "ghost"}) {
    // Of group norm's groups of two, all are 1 and -1 but for epsilon: there are four features in each here.
    const std::int64_t width = std::string_view{model} == "gn" ? 32 : 4;
    auto options = options_of(model, {width, width});
    options.activation = Activation::tanh;  // no kinks
    if (std::string_view{model} == "ghost") options.ghost_size = 4;
    Network network{options};
    initialize(network, Rng{7});
    for (const auto& [path, values] : values_of(network))
      if (path.starts_with("skip")) values[0] = 0.3F;
    const auto report = gradcheck(network, cross_entropy, images, labels);
    BOOST_TEST(report.ok, model << ": " << report.text);
  }
}

// Adam's first step moves every weight by the rate, whatever its gradient.
BOOST_AUTO_TEST_CASE(a_run_trains_with_the_optimizer_of_its_settings) {
  Trained trained{"plain", "adam", 1, 1e-3};
  trained.loop.train([](std::int64_t, double) { return false; });
  std::size_t moved = 0;
  const auto values = values_of(trained.network).at("fc3.bias");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double distance = std::abs(values[i] - trained.before.at("fc3.bias")[i]);
    BOOST_TEST(distance == 1e-3, boost::test_tools::tolerance(1e-2));
    ++moved;
  }
  BOOST_TEST(moved == 5U);
}

BOOST_AUTO_TEST_CASE(a_run_with_an_unknown_network_is_refused_by_name) {
  BOOST_CHECK_EXCEPTION(options_of("folklore"), Error, [](const Error& error) {
    return std::string_view{error.what()}.find("'folklore'") != std::string_view::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
