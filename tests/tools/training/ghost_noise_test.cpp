// The noise that statistics over few images bring in: how much it is, and what stands in for it.

#include "keel/tools/training/ghost_noise.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <numbers>

#include "../../support/random_tensor.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/initialize.hpp"
#include "keel/tools/training/group_noise.hpp"
#include "keel/tools/training/network.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr std::int64_t many = 4096;
constexpr std::size_t units = 16;

std::vector<float> with_noise(const GhostNoise& noise, const Tensor& src) {
  CompiledFunction function{Mode::training,
                            [&](Tape&, std::span<const Var> v) { return std::vector{noise.apply(v[0])}; }};
  const auto result = function(std::array{src}).output(0);
  return {result.data<float>().begin(), result.data<float>().end()};
}

BOOST_AUTO_TEST_SUITE(ghost_noise)

// The mean standard deviation of two normal values is 1 / sqrt(pi), of four sqrt(2 / pi), of many nearly 1.
BOOST_AUTO_TEST_CASE(its_power_is_that_of_normal_samples) {
  BOOST_TEST(ghost_noise_power(2) == 2.0 - 2.0 * std::sqrt(std::numbers::inv_pi),
             boost::test_tools::tolerance(1e-12));
  BOOST_TEST(ghost_noise_power(4) == 2.0 - 2.0 * std::sqrt(2.0 * std::numbers::inv_pi),
             boost::test_tools::tolerance(1e-12));
  BOOST_TEST(ghost_noise_power(1000) == 1.5 / 1000.0, boost::test_tools::tolerance(1e-2));
}

// Of so many groups the mean is known to the root of 2 over their number; four times that is allowed.
double uncertainty(std::int64_t size) {
  return 4.0 * std::sqrt(2.0 * static_cast<double>(size) / static_cast<double>(many * std::int64_t{units}));
}

BOOST_AUTO_TEST_CASE(groups_of_normal_values_have_that_power) {
  const auto values = random_tensor({many, static_cast<std::int64_t>(units)}, 3, 2.0, 5.0);
  for (const std::int64_t size : {2, 4, 8, 16, 64}) {
    const double measured = group_noise(values.data<float>(), units, static_cast<std::size_t>(size));
    BOOST_TEST(measured == ghost_noise_power(size), boost::test_tools::tolerance(uncertainty(size)));
  }
}

// Two units of four rows in groups of two: normalized by all, 0 1 2 3 is -3 -1 1 3 over sqrt(5), by group -1
// 1 -1 1.
BOOST_AUTO_TEST_CASE(group_noise_is_the_mean_square_of_what_changes) {
  const std::array<float, 8> rows{0, 7, 1, 7, 2, 7, 3, 7};
  const double a = 3.0 / std::sqrt(5.0) - 1.0;
  const double b = 1.0 + 1.0 / std::sqrt(5.0);
  BOOST_TEST(group_noise(rows, 2, 2, 0.0) == 0.5 * (a * a + b * b), boost::test_tools::tolerance(1e-9));
  BOOST_TEST(group_noise(rows, 2, 4, 1e-5) == 0.0);
  BOOST_TEST(std::isnan(group_noise(std::array{7.0F, 7.0F, 7.0F, 7.0F}, 1, 2)));
  // A single row that would be left is in the last group, as it is in training.
  const std::array<float, 3> three{0, 1, 5};
  BOOST_TEST(group_noise(three, 1, 2, 0.0) == 0.0);
}

// What comes out of normal values has their mean and variance, and lies as far from them as that of groups.
BOOST_AUTO_TEST_CASE(noise_on_normal_values_has_the_power_of_ghost_batches_and_keeps_the_variance) {
  const auto src = random_tensor({many, static_cast<std::int64_t>(units)}, 3);
  for (const std::int64_t size : {2, 8, 64}) {
    GhostNoise noise{many, static_cast<std::int64_t>(units), size};
    Rng rng{9};
    noise.draw(rng);
    const auto dst = with_noise(noise, src);
    double difference = 0.0;
    double square = 0.0;
    const auto count = static_cast<double>(dst.size());
    for (std::size_t i = 0; i < dst.size(); ++i) {
      difference += std::pow(dst[i] - src.data<float>()[i], 2) / count;
      square += dst[i] * dst[i] / count;
    }
    BOOST_TEST(difference == ghost_noise_power(size), boost::test_tools::tolerance(uncertainty(size)));
    BOOST_TEST(square == 1.0, boost::test_tools::tolerance(0.06));
  }
}

BOOST_AUTO_TEST_CASE(noise_is_one_for_each_group_and_unit_and_new_at_each_draw) {
  GhostNoise noise{10, 3, 4};
  Rng rng{9};
  noise.draw(rng);
  Tensor ones{Shape{10, 3}};
  std::ranges::fill(ones.data<float>(), 1.0F);
  const auto before = with_noise(noise, ones);
  for (std::size_t row = 0; row < 10; ++row)
    for (std::size_t unit = 0; unit < 3; ++unit)
      BOOST_TEST(before[3 * row + unit] == before[3 * (row / 4 * 4) + unit]);
  BOOST_TEST(before[0] != before[12]);
  BOOST_TEST(before[0] != before[1]);
  noise.draw(rng);
  BOOST_TEST((with_noise(noise, ones) != before));
}

BOOST_AUTO_TEST_CASE(a_network_has_it_in_training_alone) {
  NetworkOptions options{.inputs = 6, .hidden = {8}, .classes = 3};
  options.norm = Norm::layer;
  Network quiet{options};
  options.ghost_size = 4;
  options.largest_batch = 16;
  Network noisy{options};
  for (auto* network : {&quiet, &noisy}) initialize(*network, Rng{1});
  Rng rng{2};
  noisy.draw_noise(rng);
  const auto logits = [&](Network& network, Mode mode) {
    CompiledFunction function{mode,
                              [&](Tape&, std::span<const Var> v) { return std::vector{network(v[0])}; }};
    const auto result = function(std::array{random_tensor({16, 6}, 5)}).output(0);
    return std::vector<float>{result.data<float>().begin(), result.data<float>().end()};
  };
  BOOST_TEST(logits(quiet, Mode::inference) == logits(noisy, Mode::inference),
             boost::test_tools::per_element());
  BOOST_TEST((logits(quiet, Mode::training) != logits(noisy, Mode::training)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
