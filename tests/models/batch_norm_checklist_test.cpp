// What batch normalization has to fulfil, requirement by requirement, and where each is tested:
//
//   the formula, by hand             batch_norm_test/three_samples_of_two_features_worked_by_hand
//   the same for images              image_batch_norm_test
//   running mean and variance        running_statistics_test/one_update_by_a_batch_of_two
//   cumulative momentum              running_statistics_test/without_a_momentum_three_updates_equal_...
//                                    and cumulative_statistics_of_a_layer_... here
//   population statistics            population_statistics_test/one_batch_holding_the_whole_set_...,
//                                    .../of_images_they_are_the_moments_of_each_channel_...
//   one value a feature              batch_norm_layer_test/a_batch_of_one_is_an_error_in_training_and_...
//   a shorter last batch             of_101_samples_..., of_102_samples_... here
//   variance in two passes           batch_norm_test/the_variance_survives_a_large_mean
//   a constant feature               batch_norm_test/a_constant_feature_gives_beta_and_finite_gradients
//   the full backward pass           operators_gradcheck_test/batch_norm_by_the_statistics_of_the_batch,
//                                    batch_norm_properties_test/the_gradient_of_a_feature_adds_up_to_zero,
//                                    .../the_gradient_of_a_feature_is_orthogonal_to_its_values_...
//   gradients of gamma and beta      .../the_gradients_of_gamma_and_beta_are_the_sums_...
//   frozen statistics' gradient      operators_gradcheck_test/batch_norm_by_given_statistics,
//                                    batch_norm_properties_test/with_frozen_statistics_the_gradient_is_...
//                                    and through_a_layer_with_frozen_statistics_... here
//   inference changes no state       batch_norm_layer_test/inference_changes_no_byte_of_the_model
//   two switches                     freeze_test/freezing_the_weights_..., freezing_the_statistics_...
//   no bias before it                batch_norm_layer_test/a_bias_before_it_has_no_effect_and_no_gradient,
//                                    mlp_test/parameters_are_named_by_layer_...
//   scale of the weights before it   batch_norm_layer_test/the_scale_of_the_weights_before_it_...
//   order of the batch               batch_norm_properties_test/reordering_the_batch_reorders_the_output
//   weight decay                     optimizers_test/gamma_stays_one_over_many_steps_of_decay_...,
//                                    .../weight_decay_leaves_gamma_beta_and_biases_alone_unless_asked
//   folding                          fold_test
//   a non-finite input               batch_norm_layer_test/a_nan_in_a_batch_is_reported_and_changes_nothing
//   checkpoints                      checkpoint_test/evaluation_after_a_round_trip_is_bitwise_equal
//   growth of gradients              gradient_growth_test (Yang et al. 2019)
//   a batch of two                   batch_norm_properties_test/of_a_batch_of_two_only_the_sign_...

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <optional>
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

std::vector<std::vector<double>> values_of(Mlp& model) {
  std::vector<std::vector<double>> result;
  for (const auto& [path, parameter] : parameters(model)) result.push_back(values(parameter->value()));
  return result;
}

// A set of `samples`, trained on for an epoch in batches of ten.
struct Epoch {
  Epoch() { initialize(model, Rng{5}); }

  void train(std::int64_t samples, bool drop_a_batch_of_one) {
    for (std::int64_t begin = 0; begin < samples; begin += 10) {
      const auto count = std::min<std::int64_t>(10, samples - begin);
      if (count == 1 && drop_a_batch_of_one) continue;
      before = values_of(model);
      const auto seed = static_cast<std::uint64_t>(begin);
      BOOST_TEST(std::isfinite(step(random_tensor({count, 6}, seed), random_labels(count, 3, seed))));
      sizes.push_back(count);
    }
  }

  Mlp model{{.inputs = 6, .hidden = {16}, .classes = 3, .batch_norm = true}};
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep<Mlp, Sgd, decltype(&cross_entropy)> step{model, sgd, cross_entropy};
  std::vector<std::int64_t> sizes;               // of the batches that were trained on
  std::vector<std::vector<double>> before = {};  // the last one
};

}  // namespace

BOOST_AUTO_TEST_SUITE(batch_norm_checklist_test)

BOOST_AUTO_TEST_CASE(of_101_samples_in_batches_of_10_the_batch_of_one_fails_in_words) {
  Epoch epoch;
  BOOST_TEST(test::throws_with<ShapeError>(
      [&] { epoch.train(101, false); },
      {"more than one sample", "drop the batch of one", "batch_norm_checklist_test.cpp:"}));
  BOOST_TEST(epoch.sizes.size() == 10);
  BOOST_TEST((values_of(epoch.model) == epoch.before));  // what failed changed nothing
}

BOOST_AUTO_TEST_CASE(of_101_samples_in_batches_of_10_the_batch_of_one_is_dropped_as_asked) {
  Epoch epoch;
  epoch.train(101, true);
  BOOST_TEST(epoch.sizes == std::vector<std::int64_t>(10, 10), boost::test_tools::per_element());
}

// By its own statistics: those of 2 samples, of which each feature's unbiased variance is half the square of
// their difference.
BOOST_AUTO_TEST_CASE(of_102_samples_in_batches_of_10_the_batch_of_two_trains) {
  Epoch epoch;
  epoch.train(102, false);
  BOOST_TEST(epoch.sizes.back() == 2);
  const auto after = values_of(epoch.model);
  for (std::size_t i = 0; i < after.size(); ++i) BOOST_TEST((after[i] != epoch.before[i]));

  BatchNorm norm{6, {.momentum = 1.0}};
  initialize(norm, Rng{1}, DType::f64);
  CompiledFunction train{Mode::training,
                         [&](Tape&, std::span<const Var> v) { return std::vector{norm(v[0])}; }};
  for (const std::int64_t count : {10, 2}) {
    const Tensor batch = converted(random_tensor({count, 6}, 1), DType::f64);
    train(std::span{&batch, 1});
    if (count > 2) continue;
    const auto x = values(batch);
    const auto variance = values(parameters(norm)[3].parameter->value());
    for (std::size_t c = 0; c < 6; ++c)
      BOOST_TEST(std::abs(variance[c] - std::pow(x[c] - x[c + 6], 2) / 2) < 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(cumulative_statistics_of_a_layer_are_the_mean_of_those_of_its_batches) {
  BatchNorm cumulative{6, {.momentum = std::nullopt}};
  BatchNorm last{6, {.momentum = 1.0}};
  std::vector<double> sum(6);
  for (auto* norm : {&cumulative, &last}) initialize(*norm, Rng{1}, DType::f64);
  CompiledFunction train{Mode::training, [&](Tape&, std::span<const Var> v) {
                           return std::vector{cumulative(v[0]), last(v[0])};
                         }};
  for (const std::int64_t count : {10, 4, 7}) {
    const Tensor batch = converted(random_tensor({count, 6}, 3, 2.0, 1.0), DType::f64);
    train(std::span{&batch, 1});
    for (std::size_t c = 0; c < 6; ++c) sum[c] += values(parameters(last)[3].parameter->value())[c];
  }
  for (auto& value : sum) value /= 3;
  BOOST_TEST(test::within(values(parameters(cumulative)[3].parameter->value()), sum, 1e-14));
  BOOST_TEST(values(parameters(cumulative)[4].parameter->value())[0] == 3);
}

// dx = dy gamma / sqrt(var + eps), whatever the batch.
BOOST_AUTO_TEST_CASE(through_a_layer_with_frozen_statistics_gradients_are_scaled_alone) {
  BatchNorm norm{6, {.momentum = 1.0}};
  initialize(norm, Rng{1}, DType::f64);
  const Tensor batch = converted(random_tensor({8, 6}, 1, 3.0), DType::f64);
  CompiledFunction train{Mode::training,
                         [&](Tape&, std::span<const Var> v) { return std::vector{norm(v[0])}; }};
  train(std::span{&batch, 1});
  freeze_statistics(norm);
  const auto report = gradcheck([&](std::span<const Var> v) { return norm(v[0]); }, {{8, 6}});
  BOOST_TEST(report.ok, report.text);

  Tape tape;
  const Var src = tape.input(batch.type());
  const Var dst = norm(src);
  const Tensor direction = converted(random_tensor({8, 6}, 2), DType::f64);
  const Var upstream = tape.stored(direction);
  Plan plan{tape, gradients(std::span{&dst, 1}, std::span{&upstream, 1}, std::span{&src, 1})};
  plan.bind(src, batch);
  plan.run();
  auto expected = values(direction);
  const auto variance = values(parameters(norm)[3].parameter->value());
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] /= std::sqrt(variance[i % 6] + 1e-5);
  BOOST_TEST(test::within(values(plan.output(0)), expected, 1e-15));
}

BOOST_AUTO_TEST_SUITE_END()
