#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/models/batch_norm.hpp"
#include "keel/models/conv2d.hpp"
#include "keel/models/conv_transpose2d.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/layer_norm.hpp"
#include "keel/ops/conv2d.hpp"
#include "keel/ops/conv_transpose2d.hpp"
#include "keel/ops/layer_norm.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using test::random_tensor;

using Values = std::vector<double>;

// What `layer` makes of `src` on a tape of its own.
template <class Layer>
Values applied(const Layer& layer, const Tensor& src, Mode mode = Mode::training) {
  Tape tape{mode};
  const std::array outputs{layer(tape.stored(src))};
  Plan plan{tape, outputs};
  plan.run();
  return test::values(plan.output(0));
}

template <class Layer>
std::vector<NamedParameter> initialized(Layer& layer, DType dtype = DType::f32) {
  initialize(layer, Rng{1}, dtype);
  return parameters(layer);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_layers_test)

BOOST_AUTO_TEST_CASE(conv2d_applies_its_weights_bias_stride_and_padding) {
  Conv2d layer{3, 20, {3, 5}, {.stride = 2, .padding = {1, 2}}};
  const auto named = initialized(layer);
  BOOST_TEST(named.size() == 2U);
  BOOST_TEST(named[0].path == "weights");
  BOOST_TEST((named[0].parameter->shape() == Shape{20, 3, 3, 5}));
  BOOST_TEST(named[1].path == "bias");
  BOOST_TEST((named[1].parameter->shape() == Shape{20}));

  const Tensor src = random_tensor({2, 3, 9, 8}, 5);
  Tape tape;
  const std::array expected{conv2d(tape.stored(src), tape.stored(named[0].parameter->value()),
                                   tape.stored(named[1].parameter->value()),
                                   {.stride = 2, .padding = {1, 2}})};
  Plan plan{tape, expected};
  plan.run();
  BOOST_TEST(applied(layer, src) == test::values(plan.output(0)), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(conv2d_starts_within_one_over_the_root_of_a_kernel_s_size) {
  Conv2d layer{16, 32, 3};
  const double bound = 1 / std::sqrt(16.0 * 3 * 3);
  for (const auto& named : initialized(layer)) {
    const auto start = test::values(named.parameter->value());
    const auto largest = std::abs(*std::ranges::max_element(start, {}, [](double v) { return std::abs(v); }));
    BOOST_TEST(largest <= bound);
    BOOST_TEST(largest > bound / 2, named.path);
  }
}

BOOST_AUTO_TEST_CASE(conv2d_passes_dilation_and_groups_on) {
  Conv2d layer{4, 6, 3, {.dilation = 2, .groups = 2}};
  const auto named = initialized(layer);
  BOOST_TEST((named[0].parameter->shape() == Shape{6, 2, 3, 3}));
  const double bound = 1 / std::sqrt(18.0);  // of the inputs of one output
  for (const double weight : test::values(named[0].parameter->value())) BOOST_TEST(std::abs(weight) <= bound);
  const Tensor src = random_tensor({2, 4, 9, 8}, 5);
  Tape tape;
  const std::array expected{conv2d(tape.stored(src), tape.stored(named[0].parameter->value()),
                                   tape.stored(named[1].parameter->value()), {.dilation = 2, .groups = 2})};
  Plan plan{tape, expected};
  plan.run();
  BOOST_TEST(applied(layer, src) == test::values(plan.output(0)), boost::test_tools::per_element());
  const auto indivisible = [] { Conv2d{4, 6, 3, {.groups = 4}}; };
  BOOST_TEST(test::throws_with<Error>(indivisible, {"channels of a Conv2d, 6,", "4 equal groups"}));
}

BOOST_AUTO_TEST_CASE(conv_transpose2d_applies_its_weights_bias_and_options) {
  ConvTranspose2d layer{4, 6, {3, 2}, {.stride = 2, .padding = 1, .output_padding = 1, .groups = 2}};
  const auto named = initialized(layer);
  BOOST_TEST((named[0].parameter->shape() == Shape{4, 3, 3, 2}));
  BOOST_TEST((named[1].parameter->shape() == Shape{6}));
  const double bound = 1 / std::sqrt(18.0);  // as in PyTorch, which counts the outputs of a group
  for (const double weight : test::values(named[0].parameter->value())) BOOST_TEST(std::abs(weight) <= bound);
  const Tensor src = random_tensor({2, 4, 5, 4}, 5);
  Tape tape;
  const std::array expected{conv_transpose2d(tape.stored(src), tape.stored(named[0].parameter->value()),
                                             tape.stored(named[1].parameter->value()),
                                             {.stride = 2, .padding = 1, .output_padding = 1, .groups = 2})};
  Plan plan{tape, expected};
  plan.run();
  BOOST_TEST((plan.output(0).shape() == Shape{2, 6, 10, 7}));
  BOOST_TEST(applied(layer, src) == test::values(plan.output(0)), boost::test_tools::per_element());
  const auto indivisible = [] { ConvTranspose2d{4, 6, 3, {.groups = 4}}; };
  BOOST_TEST(test::throws_with<Error>(indivisible, {"channels of a ConvTranspose2d, 6,", "4 equal groups"}));
}

BOOST_AUTO_TEST_CASE(conv2d_without_bias_has_weights_alone) {
  Conv2d layer{3, 4, 3, {.bias = false}};
  BOOST_TEST(initialized(layer).size() == 1U);
  BOOST_TEST(applied(layer, random_tensor({1, 3, 5, 5}, 1)).size() == 4U * 3 * 3);
}

BOOST_AUTO_TEST_CASE(layer_norm_starts_as_plain_normalization_and_is_the_same_in_inference) {
  LayerNorm layer{20, {.epsilon = 0.1}};
  const auto named = initialized(layer);
  BOOST_TEST(test::values(named[0].parameter->value()) == Values(20, 1.0), boost::test_tools::per_element());
  BOOST_TEST(test::values(named[1].parameter->value()) == Values(20, 0.0), boost::test_tools::per_element());
  const Tensor src = random_tensor({3, 20}, 5);
  Tape tape;
  const std::array expected{layer_norm(tape.stored(src), tape.stored(named[0].parameter->value()),
                                       tape.stored(named[1].parameter->value()), 0.1)};
  Plan plan{tape, expected};
  plan.run();
  for (const auto mode : {Mode::training, Mode::inference})
    BOOST_TEST(applied(layer, src, mode) == test::values(plan.output(0)), boost::test_tools::per_element());
}

// 2 images of 2 x 3 pixels are 12 values a channel: the running variance takes the unbiased one, 12/11 of the
// batch's. From (0, 1), with momentum 0.1.
BOOST_AUTO_TEST_CASE(running_statistics_of_images_count_pixels) {
  const Tensor src = random_tensor({2, 3, 2, 3}, 5, 2.0, 1.0);
  BatchNorm layer{3};
  const auto named = initialized(layer, DType::f64);
  applied(layer, test::converted(src, DType::f64));
  const auto x = test::values(src);
  for (std::size_t c = 0; c < 3; ++c) {
    double mean = 0.0;
    double variance = 0.0;
    const auto each = [&](auto&& visit) {
      for (std::size_t n = 0; n < 2; ++n)
        for (std::size_t i = 0; i < 6; ++i) visit(x[(n * 3 + c) * 6 + i]);
    };
    each([&](double value) { mean += value / 12; });
    each([&](double value) { variance += std::pow(value - mean, 2) / 11; });
    BOOST_TEST(std::abs(test::values(named[2].parameter->value())[c] - 0.1 * mean) < 1e-12);
    BOOST_TEST(std::abs(test::values(named[3].parameter->value())[c] - (0.9 + 0.1 * variance)) < 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_of_images_in_inference_uses_the_running_statistics) {
  BatchNorm layer{3, {.epsilon = 0.25}};
  const auto named = initialized(layer);
  std::ranges::copy(std::array{1.0F, 2.0F, 3.0F}, named[2].parameter->value().data<float>().begin());
  std::ranges::copy(std::array{0.75F, 3.75F, 15.75F}, named[3].parameter->value().data<float>().begin());
  const Tensor src = random_tensor({1, 3, 1, 2}, 5);
  const auto x = test::values(src);
  const Values expected{x[0] - 1, x[1] - 1, (x[2] - 2) / 2, (x[3] - 2) / 2, (x[4] - 3) / 4, (x[5] - 3) / 4};
  BOOST_TEST(test::within(applied(layer, src, Mode::inference), expected, 16 * test::unit_roundoff * 4));
}

BOOST_AUTO_TEST_SUITE_END()
