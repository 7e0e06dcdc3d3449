// Running averages freed of their start, and batches sorted by class.

#include "keel/tools/training/running_average.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <optional>

#include "../../support/random_tensor.hpp"
#include "../../support/study_support.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/initialize.hpp"
#include "keel/tools/training/class_groups.hpp"
#include "keel/tools/training/epoch_pass.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

struct OneLayer {
  OneLayer() {
    NetworkOptions options{.inputs = 6, .hidden = {4}, .classes = 3};
    options.norm = Norm::batch;
    network.emplace(options);
    initialize(*network, Rng{1});
    for (const auto& [path, parameter] : parameters(*network)) state[path] = parameter->value().data<float>();
  }
  std::optional<Network> network;
  std::map<std::string, std::span<float>> state;
};

BOOST_AUTO_TEST_SUITE(running_average)

// The same batch again and again: its own mean and unbiased variance, however few the updates.
BOOST_FIXTURE_TEST_CASE(a_corrected_average_of_one_batch_is_that_batchs_statistics, OneLayer) {
  CompiledFunction step{Mode::training, [&](Tape&, std::span<const Var> v) {
                          const auto trace = network->trace(v[0]);
                          return std::vector{trace.logits, trace.before_norm[0]};
                        }};
  const std::array images{random_tensor({20, 6}, 3)};
  const auto& plan = step(images);
  std::vector<double> mean(4);
  std::vector<double> variance(4);
  const auto rows = plan.output(1);
  for (std::size_t i = 0; i < 80; ++i) mean[i % 4] += rows.data<float>()[i] / 20.0;
  for (std::size_t i = 0; i < 80; ++i)
    variance[i % 4] += std::pow(rows.data<float>()[i] - mean[i % 4], 2) / 19.0;
  for (int updates = 1; updates < 4; ++updates) {
    const auto kept = [&](const char* name) {
      const auto values = state.at(std::string{"bn1."} + name);
      return std::vector<float>{values.begin(), values.end()};
    };
    const auto moving_mean = kept("running_mean");
    const auto moving_variance = kept("running_variance");
    correct_running_averages(*network);
    for (std::size_t unit = 0; unit < 4; ++unit) {
      BOOST_TEST(std::abs(state.at("bn1.running_mean")[unit] - mean[unit]) < 1e-5);
      BOOST_TEST(std::abs(state.at("bn1.running_variance")[unit] - variance[unit]) < 1e-5);
      BOOST_TEST(moving_mean[unit] != state.at("bn1.running_mean")[unit]);
    }
    std::ranges::copy(moving_mean, state.at("bn1.running_mean").begin());
    std::ranges::copy(moving_variance, state.at("bn1.running_variance").begin());
    step(images);
  }
}

BOOST_FIXTURE_TEST_CASE(an_average_without_updates_stays_as_it_is, OneLayer) {
  correct_running_averages(*network);
  for (const float value : state.at("bn1.running_mean")) BOOST_TEST(value == 0.0F);
  for (const float value : state.at("bn1.running_variance")) BOOST_TEST(value == 1.0F);
}

BOOST_AUTO_TEST_CASE(images_are_sorted_by_class_and_stay_in_their_order_within_it) {
  const std::vector<std::uint8_t> labels{2, 0, 1, 0, 2, 1};
  std::vector<std::int32_t> images{4, 5, 3, 0, 1};
  sort_by_class(images, labels);
  BOOST_TEST(images == (std::vector<std::int32_t>{3, 1, 5, 4, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(batches_are_successive_and_the_last_is_what_is_left) {
  std::vector<std::int32_t> images{0, 1, 2, 3, 4, 5, 6};
  std::vector<std::size_t> lengths;
  for_each_batch(images, 3, [&](std::span<std::int32_t> batch) {
    lengths.push_back(batch.size());
    std::ranges::reverse(batch);
  });
  BOOST_TEST(lengths == (std::vector<std::size_t>{3, 3, 1}), boost::test_tools::per_element());
  BOOST_TEST(images == (std::vector<std::int32_t>{2, 1, 0, 5, 4, 3, 6}), boost::test_tools::per_element());
}

// The batches hold the same images as without an arrangement, each sorted.
BOOST_AUTO_TEST_CASE(a_pass_arranges_the_images_within_its_batches) {
  const auto& set = tiny_data().train;
  const auto labels_of_batches = [&](bool sorted) {
    EpochPass pass{set, all_of(set), 64};
    if (sorted)
      pass.set_arrangement([&](std::span<std::int32_t> batch) { sort_by_class(batch, set.labels); });
    pass.begin(Rng{1}, 1);
    std::vector<std::vector<std::int32_t>> all;
    while (!pass.done()) {
      pass.step([&](const Tensor&, const Tensor& labels) {
        all.emplace_back(labels.data<std::int32_t>().begin(), labels.data<std::int32_t>().end());
        return 0.0;
      });
    }
    return all;
  };
  auto dealt = labels_of_batches(false);
  const auto sorted = labels_of_batches(true);
  BOOST_REQUIRE(dealt.size() == sorted.size());
  for (std::size_t i = 0; i < dealt.size(); ++i) {
    BOOST_TEST((dealt[i] != sorted[i]));
    std::ranges::sort(dealt[i]);
    BOOST_TEST(dealt[i] == sorted[i], boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
