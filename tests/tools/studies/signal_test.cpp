// What becomes of a batch in deep networks at their start, against theory.

#include "keel/tools/training/signal.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/random_tensor.hpp"
#include "keel/runtime/error.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

struct Batch {
  Tensor images;
  Tensor labels;

  Batch(std::int64_t size, std::int64_t pixels)
      : images{random_tensor({size, pixels}, 5)}, labels{Shape{size}, DType::s32} {
    Rng random{6};
    for (auto& label : labels.data<std::int32_t>()) label = static_cast<std::int32_t>(random.below(10));
  }
};

BOOST_AUTO_TEST_SUITE(signal_measures)

// Yang et al. 2019: pi / (pi - 1) in the limit of width and batch.
BOOST_AUTO_TEST_CASE(with_batch_norm_and_relu_the_squared_gradient_grows_by_pi_over_pi_minus_one) {
  const double theory = std::acos(-1.0) / (std::acos(-1.0) - 1.0);
  const Batch batch{512, 64};
  const auto signal = measure_signal({.norm = "bn", .width = 512}, batch.images, batch.labels, Rng{1});
  const double growth = gradient_growth(signal.squared_gradients);
  BOOST_TEST_MESSAGE("growth " << growth);
  BOOST_TEST(growth == theory, boost::test_tools::tolerance(0.05));
}

// Without activation it is (B - 2) / (B - 3) for a batch of B, in the limit of width.
BOOST_AUTO_TEST_CASE(gradients_do_not_explode_without_a_norm_or_without_activation) {
  const Batch batch{32, 64};
  const auto growth = [&](const char* norm, const char* activation) {
    double logarithm = 0.0;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const auto signal = measure_signal({.norm = norm, .activation = activation, .width = 256}, batch.images,
                                         batch.labels, Rng{seed});
      logarithm += std::log(gradient_growth(signal.squared_gradients));
    }
    return std::exp(logarithm / 4.0);
  };
  const double plain = growth("plain", "relu");
  const double linear = growth("bn", "linear");
  BOOST_TEST_MESSAGE("plain, ReLU " << plain << ", batch norm, linear " << linear);
  BOOST_TEST(std::abs(plain - 1.0) < 0.15);
  BOOST_TEST(linear == 30.0 / 29.0, boost::test_tools::tolerance(0.03));
}

// Daneshmand et al. 2020: of the order of the square root of the width, where a plain network comes to 1.
BOOST_AUTO_TEST_CASE(batch_norm_keeps_the_rank_that_a_deep_plain_network_loses) {
  const Batch batch{64, 64};
  const auto last_rank = [&](const char* norm) {
    return measure_signal({.norm = norm, .activation = "linear", .width = 64, .depth = 128}, batch.images,
                          batch.labels, Rng{1})
        .effective_ranks.back();
  };
  const double plain = last_rank("plain");
  const double bn = last_rank("bn");
  BOOST_TEST_MESSAGE("rank, plain " << plain << ", batch norm " << bn);
  BOOST_TEST(plain < 3.0);
  BOOST_TEST(bn > 0.5 * std::sqrt(64.0));
}

BOOST_AUTO_TEST_CASE(rank_and_cosine_of_samples_that_are_known) {
  // Across each other, and of one length: as many directions as samples.
  BOOST_TEST(effective_rank(Tensor::of<float>({2, 2}, {4, 0, 0, 4})) == 2.0);
  BOOST_TEST(mean_cosine(Tensor::of<float>({2, 2}, {4, 0, 0, 4})) == 0.0);
  // (1, 0), (3, 0), (0, 0): one direction; the third has none.
  const Tensor alike = Tensor::of<float>({3, 3}, {1, 3, 0, 3, 9, 0, 0, 0, 0});
  BOOST_TEST(effective_rank(alike) == 1.0);
  BOOST_TEST(mean_cosine(alike) == 1.0);
  // (2, 0), (0, 1): squares 4 and 1, (4 + 1)^2 / (16 + 1).
  BOOST_TEST(effective_rank(Tensor::of<float>({2, 2}, {4, 0, 0, 1})) == 25.0 / 17.0);
  BOOST_TEST(std::isnan(effective_rank(Tensor::of<float>({1, 1}, {0}))));
  BOOST_TEST(std::isnan(mean_cosine(Tensor::of<float>({1, 1}, {0}))));
}

BOOST_AUTO_TEST_CASE(growth_is_taken_between_the_outer_sixths) {
  std::vector<double> squares(12, 1.0);
  for (std::size_t i = 2; i < 10; ++i) squares[i] = std::pow(2.0, static_cast<double>(9 - i));
  squares.front() = 1e9;
  BOOST_TEST(gradient_growth(squares) == 2.0, boost::test_tools::tolerance(1e-12));
  squares[2] = 0.0;
  BOOST_TEST(std::isnan(gradient_growth(squares)));
  BOOST_TEST(std::isnan(gradient_growth({1.0, 2.0})));
}

BOOST_AUTO_TEST_CASE(other_norms_and_activations_are_refused) {
  const Batch batch{4, 8};
  const auto measure = [&](const char* norm, const char* activation) {
    return measure_signal({.norm = norm, .activation = activation, .depth = 3}, batch.images, batch.labels,
                          Rng{1});
  };
  BOOST_CHECK_THROW(measure("gn", "relu"), Error);
  BOOST_CHECK_THROW(measure("bn", "gelu"), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
