// What a run records of its own numbers, beside numbers worked out by hand.

#include "keel/tools/training/health.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "../../support/study_support.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/linear.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/recurrent_network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr double infinite = std::numeric_limits<double>::infinity();

// Normalizes the images themselves.
struct Normed {
  BatchNorm bn{3};
  Linear out{3, 2};

  Var operator()(const Var& images) const { return out(bn(images)); }
  void visit(auto&& each) { each("bn", bn), each("out", out); }
};

Tensor images_of(const std::array<float, 12>& pixels) {
  return Tensor::of<float>({4, 3}, std::span<const float>{pixels});
}

Tensor labels_of(const std::array<std::int32_t, 4>& labels) {
  return Tensor::of<std::int32_t>({4}, std::span<const std::int32_t>{labels});
}

const std::array<std::int32_t, 4> two_classes{0, 1, 1, 0};

template <class Model>
HealthLook look_at(Model& model, const Tensor& images, DType precision = DType::f32) {
  HealthProbe probe{[&](const Var& v) { return model(v); }, parameters(model), precision};
  return probe.look(images, labels_of(two_classes));
}

template <class Model>
std::vector<std::byte> state_of(Model& model) {
  std::vector<std::byte> bytes;
  for (const auto& [path, parameter] : parameters(model)) {
    const auto& value = parameter->value();
    bytes.insert(bytes.end(), value.bytes(), value.bytes() + value.type().bytes());
  }
  return bytes;
}

RunResult trained(const std::string& model, const std::string& study, int epochs = 8,
                  DType precision = DType::f32) {
  const ThreadLimit one_thread{1};
  RunSettings settings{.study = study, .model = model, .hidden = {16}, .epochs = epochs, .batch_size = 20};
  settings.precision = precision;
  auto options = network_for(tiny_data(), settings);
  options.dropout = 0.2;
  Network network{options};
  TrainingLoop loop{network, settings, {.data = tiny_data(), .stop = {}}};
  loop.train();
  return loop.finish().value();
}

std::string epochs_of(RunResult run) {
  for (auto& epoch : run.epochs) epoch.seconds = 0.0;
  return to_json(run).at("epochs").dump();
}

BOOST_AUTO_TEST_SUITE(health)

// Of 0, 1, 2, 3 the variance is 5/4, of 1, 1, 1, 5 it is 3, of 0, 0, 2, 2 it is 1.
BOOST_AUTO_TEST_CASE(the_smallest_variance_is_that_of_the_batch_over_epsilon) {
  Normed model;
  initialize(model, Rng{1});
  const auto look = look_at(model, images_of({0, 1, 0, 1, 1, 0, 2, 1, 2, 3, 5, 2}));
  BOOST_REQUIRE(look.smallest_variance_over_epsilon.has_value());
  BOOST_TEST(*look.smallest_variance_over_epsilon == 1.0 / 1e-5, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(a_column_that_does_not_vary_is_seen) {
  Normed model;
  initialize(model, Rng{1});
  const auto look = look_at(model, images_of({0, 7, 0, 1, 7, 0, 2, 7, 2, 3, 7, 2}));
  BOOST_TEST(look.smallest_variance_over_epsilon.value() == 0.0);
  BOOST_TEST(std::isfinite(look.gradient_norm));
}

BOOST_AUTO_TEST_CASE(without_batch_norm_there_is_no_variance) {
  Linear linear{3, 2};
  initialize(linear, Rng{1});
  BOOST_TEST(
      !look_at(linear, images_of({0, 7, 0, 1, 7, 0, 2, 7, 2, 3, 7, 2})).smallest_variance_over_epsilon);
}

// The gradient of a logit is its probability, less 1 for the label, over the number of images.
BOOST_AUTO_TEST_CASE(the_gradient_norm_is_that_of_all_parameters_together) {
  Linear linear{3, 2};
  initialize(linear, Rng{5});
  std::map<std::string, std::span<float>> values;
  for (const auto& [path, parameter] : parameters(linear)) values[path] = parameter->value().data<float>();
  const std::array<float, 12> pixels{0.5F, -1, 2, 1, 0.25F, 0, -2, 1, 1, 3, 0, -1};
  std::array<double, 8> gradient{};  // of the weights, then of the biases
  for (std::size_t i = 0; i < 4; ++i) {
    std::array<double, 2> logits{};
    for (std::size_t k = 0; k < 2; ++k) {
      logits[k] = values.at("bias")[k];
      for (std::size_t j = 0; j < 3; ++j)
        logits[k] += static_cast<double>(values.at("weights")[3 * k + j]) * pixels[3 * i + j];
    }
    for (std::size_t k = 0; k < 2; ++k) {
      const double probability = 1.0 / (1.0 + std::exp(logits[1 - k] - logits[k]));
      const double of_logit = (probability - (static_cast<int>(k) == two_classes[i] ? 1.0 : 0.0)) / 4.0;
      for (std::size_t j = 0; j < 3; ++j) gradient[3 * k + j] += of_logit * pixels[3 * i + j];
      gradient[6 + k] += of_logit;
    }
  }
  double square = 0.0;
  for (const double element : gradient) square += element * element;
  BOOST_TEST(look_at(linear, images_of(pixels)).gradient_norm == std::sqrt(square),
             boost::test_tools::tolerance(1e-5));
}

BOOST_AUTO_TEST_CASE(a_look_leaves_no_trace_and_sees_the_same_again) {
  Normed model;
  initialize(model, Rng{1});
  const auto before = state_of(model);
  HealthProbe probe{[&](const Var& v) { return model(v); }, parameters(model)};
  const auto images = images_of({0, 1, 0, 1, 1, 0, 2, 1, 2, 3, 5, 2});
  const auto first = probe.look(images, labels_of(two_classes));
  const auto second = probe.look(images, labels_of(two_classes));
  BOOST_TEST((state_of(model) == before));
  BOOST_TEST(first.gradient_norm == second.gradient_norm);
}

BOOST_AUTO_TEST_CASE(in_double_precision_a_look_sees_the_same) {
  Normed f32;
  Normed f64;
  initialize(f32, Rng{1});
  initialize(f64, Rng{1}, DType::f64);
  const auto images = images_of({0, 1, 0, 1, 1, 0, 2, 1, 2, 3, 5, 2});
  const auto expected = look_at(f64, images, DType::f64);
  const auto look = look_at(f32, images);
  BOOST_TEST(look.gradient_norm == expected.gradient_norm, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(*look.smallest_variance_over_epsilon == *expected.smallest_variance_over_epsilon,
             boost::test_tools::tolerance(1e-5));
}

BOOST_AUTO_TEST_CASE(the_extremes_of_all_looks_are_kept) {
  Measures measures;
  record_health({.smallest_variance_over_epsilon = 50.0, .gradient_norm = 2.0}, measures);
  BOOST_TEST(!measures.contains(gradient_below_epsilon_measure));
  record_health({.smallest_variance_over_epsilon = 0.5, .gradient_norm = 3.0}, measures);
  record_health({.smallest_variance_over_epsilon = 9.0, .gradient_norm = 7.0}, measures);
  BOOST_TEST(measures.at(smallest_variance_measure) == std::vector{0.5}, boost::test_tools::per_element());
  BOOST_TEST(measures.at(largest_gradient_measure) == std::vector{7.0}, boost::test_tools::per_element());
  BOOST_TEST(measures.at(gradient_below_epsilon_measure) == std::vector{3.0},
             boost::test_tools::per_element());
  record_health({.smallest_variance_over_epsilon = 9.0, .gradient_norm = std::nan("")}, measures);
  record_health({.smallest_variance_over_epsilon = 9.0, .gradient_norm = 1.0}, measures);
  BOOST_TEST(measures.at(largest_gradient_measure)[0] == infinite);
}

BOOST_AUTO_TEST_CASE(a_run_of_a_study_says_how_it_fared_and_is_the_run_that_it_would_be) {
  for (const char* model : {"plain", "bn", "ln"}) {
    const auto looked_at = trained(model, "made-up");
    const auto alone = trained(model, "");
    BOOST_TEST(epochs_of(looked_at) == epochs_of(alone), model);
    BOOST_TEST(alone.measures.empty());
    BOOST_TEST(looked_at.measures.contains(smallest_variance_measure) == (std::string{model} == "bn"), model);
    BOOST_TEST(looked_at.measures.at(largest_gradient_measure)[0] > 0.01);
  }
}

BOOST_AUTO_TEST_CASE(a_run_in_double_precision_is_looked_at_as_well) {
  const auto f32 = trained("bn", "made-up", 1);
  const auto f64 = trained("bn", "made-up", 1, DType::f64);
  for (const char* name : {smallest_variance_measure, largest_gradient_measure})
    BOOST_TEST(f32.measures.at(name)[0] == f64.measures.at(name)[0], boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(the_first_step_and_every_hundredth_after_it_are_looked_at) {
  std::vector<std::int64_t> due;
  for (std::int64_t step = 1; step <= 250; ++step)
    if (is_health_due(step)) due.push_back(step);
  BOOST_TEST(due == (std::vector<std::int64_t>{1, 101, 201}), boost::test_tools::per_element());
}

// What made a verdict wrong once: rows of images that are blank.
BOOST_AUTO_TEST_CASE(a_blank_row_is_seen_in_a_recurrent_network_and_not_where_it_is_cropped) {
  auto data = tiny_data();
  for (std::int64_t image = 0; image < data.train.size(); ++image)
    for (std::size_t pixel = 0; pixel < 16; ++pixel)
      data.train.pixels[static_cast<std::size_t>(image) * 64 + pixel] = 0;
  BatchGatherer batch{data.train, 20};
  const auto all = all_of(data.train);
  batch.gather(std::span{all}.first(20));
  for (const char* model : {"bn-shared", "bn-per-step"}) {
    for (const bool is_cropped : {false, true}) {
      const Crop whole{.rows = 8, .columns = 8};
      RecurrentNetwork network{{.height = 8,
                                .width = 8,
                                .crop = is_cropped ? busy_part(data.train) : whole,
                                .state = 12,
                                .classes = 5,
                                .model = model}};
      initialize(network, Rng{3});
      HealthProbe probe{[&](const Var& v) { return network(v); }, parameters(network)};
      const auto look = probe.look(batch.images(), batch.labels());
      if (is_cropped)
        BOOST_TEST(look.smallest_variance_over_epsilon.value() > 10.0, model);
      else
        BOOST_TEST(look.smallest_variance_over_epsilon.value() == 0.0, model);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
