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

BOOST_AUTO_TEST_CASE(bytes_are_scaled_as_a_plain_loop_would_to_the_bit) {
  for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 784U, 1000U}) {
    std::vector<std::uint8_t> src(count);
    for (std::size_t i = 0; i < count; ++i) src[i] = static_cast<std::uint8_t>(i * 37);
    std::vector<float> dst(count + 1, 9.0F);
    loops::scale_bytes(src.data(), dst.data(), std::ssize(src), 2.0F / 255.0F, -1.0F);
    for (std::size_t i = 0; i < count; ++i) {
      BOOST_TEST(dst[i] == static_cast<float>(src[i]) * (2.0F / 255.0F) + -1.0F);
    }
    BOOST_TEST(dst[count] == 9.0F);
  }
}

BOOST_AUTO_TEST_CASE(exponentials_are_within_two_units_in_the_last_place) {
  std::vector<float> src;
  for (float x = -87.3F; x < 88.3F; x += 0.0137F) src.push_back(x);
  std::vector<float> dst(src.size());
  loops::exponentials(src.data(), dst.data(), std::ssize(src));
  for (std::size_t i = 0; i < src.size(); ++i) {
    const double exact = std::exp(static_cast<double>(src[i]));
    BOOST_TEST(std::abs(dst[i] / exact - 1) < 2 * 0x1p-23, "exp(" << src[i] << ") = " << dst[i]);
  }
}

BOOST_AUTO_TEST_CASE(exponentials_of_what_is_out_of_range) {
  const std::vector<float> src{0, -0.0F, -100, -infinite, not_a_number};
  std::vector<float> dst(src.size());
  loops::exponentials(src.data(), dst.data(), std::ssize(src));
  BOOST_TEST(dst[0] == 1);
  BOOST_TEST(dst[1] == 1);
  BOOST_TEST(dst[2] <= 0x1p-125F);
  BOOST_TEST(dst[3] <= 0x1p-125F);
  BOOST_TEST(std::isnan(dst[4]));
}

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
    BOOST_TEST(loops::velocity_sweep(parameter.data(), velocity.data(), std::ssize(grad), 0.2F));
    BOOST_TEST(parameter == expected_parameter);
  }
}

BOOST_AUTO_TEST_CASE(sweeps_tell_of_a_velocity_that_is_not_finite) {
  for (const float bad : {not_a_number, infinite, -infinite}) {
    for (const std::size_t at : {0U, 5U, 36U}) {
      auto parameter = noise(37, 1);
      auto velocity = noise(37, 2);
      auto grad = noise(37, 3);
      BOOST_TEST(loops::velocity_sweep(parameter.data(), velocity.data(), 37, 0.1F));
      grad[at] = bad;
      BOOST_TEST(!loops::momentum_sweep(parameter.data(), velocity.data(), grad.data(), 37, 0.1F, 0.9F));
      BOOST_TEST(!loops::velocity_sweep(parameter.data(), velocity.data(), 37, 0.1F));
    }
  }
}

BOOST_AUTO_TEST_CASE(relu_backward_and_its_bias_equal_the_formula) {
  const auto grad_dst = noise(5 * 19, 1);
  const auto dst = noise(5 * 19, 2);
  std::vector<float> expected_src(grad_dst.size());
  std::vector<float> expected_bias(19);
  for (std::size_t i = 0; i < grad_dst.size(); ++i) {
    expected_src[i] = dst[i] > 0 ? grad_dst[i] : 0;
    expected_bias[i % 19] += expected_src[i];
  }
  std::vector<float> grad_bias(19, not_a_number);
  auto in_place = grad_dst;
  loops::relu_backward_with_bias(in_place.data(), dst.data(), in_place.data(), grad_bias.data(), 5, 19);
  BOOST_TEST(in_place == expected_src);
  BOOST_TEST(grad_bias == expected_bias);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
