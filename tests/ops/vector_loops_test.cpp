#include "keel/ops/vector_loops.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "keel/runtime/rng.hpp"

namespace {

using namespace keel;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();

std::vector<float> noise(std::size_t count, std::uint64_t seed) {
  Rng rng{seed};
  std::vector<float> values(count);
  for (auto& value : values) value = static_cast<float>(rng.uniform(-2, 2));
  return values;
}

BOOST_AUTO_TEST_SUITE(vector_loops_test)

// Every element by the same operations, whatever the width of the vectors.
BOOST_AUTO_TEST_CASE(sweeps_equal_the_formula_bit_for_bit) {
  for (const std::size_t count : {1U, 7U, 16U, 33U, 1000U}) {
    auto parameter = noise(count, 1);
    auto velocity = noise(count, 2);
    const auto grad = noise(count, 3);
    auto expected_parameter = parameter;
    auto expected_velocity = velocity;
    for (std::size_t i = 0; i < count; ++i) {
      expected_velocity[i] = 0.9F * expected_velocity[i] + grad[i];
      expected_parameter[i] -= 0.1F * expected_velocity[i];
    }
    BOOST_TEST(
        loops::momentum_sweep(parameter.data(), velocity.data(), grad.data(), std::ssize(grad), 0.1F, 0.9F));
    BOOST_TEST(parameter == expected_parameter);
    BOOST_TEST(velocity == expected_velocity);
    for (std::size_t i = 0; i < count; ++i) expected_parameter[i] -= 0.2F * velocity[i];
    BOOST_TEST(loops::sgd_sweep(parameter.data(), velocity.data(), nullptr, std::ssize(grad), {0.2F}));
    BOOST_TEST(parameter == expected_parameter);
  }
}

BOOST_AUTO_TEST_CASE(sweeps_tell_of_a_velocity_that_is_not_finite) {
  for (const float bad : {not_a_number, infinite, -infinite}) {
    for (const std::size_t at : {0U, 5U, 36U}) {
      auto parameter = noise(37, 1);
      auto velocity = noise(37, 2);
      auto grad = noise(37, 3);
      BOOST_TEST(loops::sgd_sweep(parameter.data(), velocity.data(), nullptr, 37, {0.1F}));
      grad[at] = bad;
      BOOST_TEST(!loops::momentum_sweep(parameter.data(), velocity.data(), grad.data(), 37, 0.1F, 0.9F));
      BOOST_TEST(!loops::sgd_sweep(parameter.data(), velocity.data(), nullptr, 37, {0.1F}));
    }
  }
}

BOOST_AUTO_TEST_CASE(sweeps_with_decay_equal_the_formula_bit_for_bit) {
  for (const std::size_t count : {1U, 7U, 15U, 16U, 17U, 33U, 1000U}) {
    for (const bool nesterov : {false, true}) {
      auto parameter = noise(count, 1);
      auto velocity = noise(count, 2);
      const auto grad = noise(count, 3);
      auto expected_parameter = parameter;
      auto expected_velocity = velocity;
      for (std::size_t i = 0; i < count; ++i) {
        const float g = grad[i] + 0.3F * expected_parameter[i];
        expected_velocity[i] = 0.9F * expected_velocity[i] + g;
        expected_parameter[i] -= 0.1F * (nesterov ? g + 0.9F * expected_velocity[i] : expected_velocity[i]);
      }
      const loops::SgdStep<float> step{0.1F, 0.9F, 0.3F, nesterov};
      BOOST_TEST(loops::sgd_sweep(parameter.data(), velocity.data(), grad.data(), std::ssize(grad), step));
      BOOST_TEST(parameter == expected_parameter);
      BOOST_TEST(velocity == expected_velocity);
      for (std::size_t i = 0; i < count; ++i) {
        expected_velocity[i] += 0.3F * expected_parameter[i];
        expected_parameter[i] -= 0.1F * expected_velocity[i];
      }
      BOOST_TEST(loops::sgd_sweep(parameter.data(), velocity.data(), nullptr, std::ssize(grad), step));
      BOOST_TEST(parameter == expected_parameter);
      BOOST_TEST(velocity == expected_velocity);
    }
  }
}

BOOST_AUTO_TEST_CASE(adam_equals_the_formula_bit_for_bit) {
  const loops::AdamStep<float> step{0.99F, 0.1F, 0.9F, 0.1F, 0.999F, 0.001F, 30.0F, 1e-8F};
  for (const std::size_t count : {1U, 7U, 15U, 16U, 17U, 33U, 1000U}) {
    auto parameter = noise(count, 1);
    auto mean = noise(count, 2);
    auto variance = noise(count, 3);
    for (auto& value : variance) value = std::abs(value);
    const auto grad = noise(count, 4);
    auto expected = parameter;
    auto expected_mean = mean;
    auto expected_variance = variance;
    for (std::size_t i = 0; i < count; ++i) {
      expected_mean[i] = 0.9F * expected_mean[i] + 0.1F * grad[i];
      expected_variance[i] = 0.999F * expected_variance[i] + 0.001F * (grad[i] * grad[i]);
      const float denominator = std::sqrt(expected_variance[i]) * 30.0F + 1e-8F;
      expected[i] = 0.99F * expected[i] - 0.1F * (expected_mean[i] / denominator);
    }
    BOOST_TEST(loops::adam_sweep(parameter.data(), mean.data(), variance.data(), grad.data(),
                                 std::ssize(grad), step));
    BOOST_TEST(parameter == expected);
    BOOST_TEST(mean == expected_mean);
    BOOST_TEST(variance == expected_variance);
  }
}

BOOST_AUTO_TEST_CASE(sweeps_with_decay_and_adam_tell_of_a_gradient_that_is_not_finite) {
  const loops::SgdStep<float> sgd{0.1F, 0.9F, 0.3F, true};
  const loops::AdamStep<float> adam{1.0F, 0.1F, 0.9F, 0.1F, 0.999F, 0.001F, 30.0F, 1e-8F};
  // The square of 1e20 is more than a float holds.
  for (const float bad : {not_a_number, infinite, -infinite, 1e20F}) {
    for (const std::size_t at : {0U, 5U, 36U}) {
      auto parameter = noise(37, 1);
      auto velocity = noise(37, 2);
      auto mean = noise(37, 2);
      std::vector<float> variance(37, 1.0F);
      auto grad = noise(37, 3);
      const auto sgd_is_finite = [&] {
        return loops::sgd_sweep(parameter.data(), velocity.data(), grad.data(), 37, sgd);
      };
      const auto adam_is_finite = [&] {
        return loops::adam_sweep(parameter.data(), mean.data(), variance.data(), grad.data(), 37, adam);
      };
      BOOST_TEST((sgd_is_finite() && adam_is_finite()));
      grad[at] = bad;
      BOOST_TEST(sgd_is_finite() == std::isfinite(bad));
      BOOST_TEST(loops::sgd_sweep(parameter.data(), velocity.data(), nullptr, 37, sgd) == std::isfinite(bad));
      BOOST_TEST(!adam_is_finite());
      grad[at] = 0.0F;
      BOOST_TEST(!adam_is_finite());
    }
  }
}

// Squares of floats are exact in double; sixteen sums of count / 16 terms and their total then round once a
// term.
BOOST_AUTO_TEST_CASE(sums_of_squares_lose_nothing_that_double_holds) {
  for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 4096U}) {
    auto src = noise(count, 1);
    if (count > 0) src.back() = 1e30F;
    long double expected = 0.0L;
    for (const float value : src) expected += static_cast<long double>(value) * value;
    const double sum = loops::sum_of_squares(src.data(), std::ssize(src));
    const auto terms = static_cast<double>(count / 16 + 16);
    BOOST_TEST(std::abs(sum - static_cast<double>(expected)) <= terms * 0x1p-53 * sum);
  }
}

BOOST_AUTO_TEST_CASE(copies_are_scaled_as_a_plain_loop_would_to_the_bit) {
  for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 1000U}) {
    const auto src = noise(count, 1);
    std::vector<float> dst(count + 1, 9.0F);
    loops::scaled_copy(src.data(), dst.data(), std::ssize(src), 0.3F);
    for (std::size_t i = 0; i < count; ++i) BOOST_TEST(dst[i] == src[i] * 0.3F);
    BOOST_TEST(dst[count] == 9.0F);
  }
}

BOOST_AUTO_TEST_CASE(relu_backward_and_its_bias_equal_the_formula) {
  const auto grad_dst = noise(5 * 19, 1);
  const auto dst = noise(5 * 19, 2);
  std::vector<float> expected_src(grad_dst.size());
  std::vector<double> expected_bias(19);
  for (std::size_t i = 0; i < grad_dst.size(); ++i) {
    expected_src[i] = dst[i] > 0 ? grad_dst[i] : 0;
    expected_bias[i % 19] += expected_src[i];
  }
  std::vector<double> grad_bias(19);
  auto in_place = grad_dst;
  loops::relu_backward_with_bias(in_place.data(), dst.data(), in_place.data(), grad_bias.data(), 5, 19);
  BOOST_TEST(in_place == expected_src);
  BOOST_TEST(grad_bias == expected_bias);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
