#include "keel/runtime/rng.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <set>
#include <span>
#include <vector>

#include "keel/runtime/error.hpp"

namespace {

using keel::Rng;

template <std::size_t count>
std::array<std::uint64_t, count> bits_of(Rng rng) {
  std::array<std::uint64_t, count> bits{};
  std::ranges::generate(bits, [&] { return rng.bits(); });
  return bits;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rng_test)

// Computed by an implementation of its own, in Python. They must never change: recorded results depend on
// them.
BOOST_AUTO_TEST_CASE(the_bits_of_a_seed_never_change) {
  const std::array<std::uint64_t, 4> of_one{0xc5883e370b0926c3, 0x021b74b80f71f81c, 0x268df06749e5c8ce,
                                            0xe052757d667afef2};
  const std::array<std::uint64_t, 2> of_zero{0x1a70a846bd9cc2a9, 0x6a0ef250cd2b9e80};
  BOOST_TEST(bits_of<4>(Rng{1}) == of_one, boost::test_tools::per_element());
  BOOST_TEST(bits_of<2>(Rng{0}) == of_zero, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_bits_of_a_stream_never_change) {
  const std::array<std::uint64_t, 2> weights{0x0a5f61008adba168, 0x9c34bcee6136629b};
  const std::array<std::uint64_t, 2> seventh{0x395737e0fc6f2838, 0x44e0f6a8734bad0f};
  const std::array<std::uint64_t, 2> nested{0x3d8d69de2925d24a, 0x047186db0528a5ef};
  BOOST_TEST(bits_of<2>(Rng{1}.stream("weights")) == weights, boost::test_tools::per_element());
  BOOST_TEST(bits_of<2>(Rng{1}.stream("weights", 7)) == seventh, boost::test_tools::per_element());
  BOOST_TEST(bits_of<2>(Rng{1}.stream("fc1").stream("weights")) == nested, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(draws_made_of_bits_never_change) {
  Rng uniform{1};
  for (const double expected : {0x1.8b107c6e16124p-1, 0x1.0dba5c07b8fc0p-7, 0x1.346f833a4f2e4p-3}) {
    BOOST_TEST(uniform.uniform() == expected);
  }
  Rng below_ten{1};
  for (const std::uint64_t expected :
       std::initializer_list<std::uint64_t>{7, 0, 1, 8, 6, 6, 9, 6, 7, 1, 8, 7}) {
    BOOST_TEST(below_ten.below(10) == expected);
  }
  std::array<int, 8> order{0, 1, 2, 3, 4, 5, 6, 7};
  Rng{1}.shuffle(std::span<int>{order});
  BOOST_TEST(order == (std::array{5, 1, 3, 2, 4, 7, 0, 6}), boost::test_tools::per_element());
}

// About half of all draws of 64 bits are rejected for this bound: the loop and the wide product are both in
// it.
BOOST_AUTO_TEST_CASE(draws_below_a_huge_bound_never_change) {
  const std::uint64_t bound = (std::uint64_t{1} << 63) + 1;
  Rng rng{1};
  for (const std::uint64_t expected : {0x70293abeb33d7f79U, 0x5474181aa01a88a5U, 0x62c57d2717a78c13U,
                                       0x0d521229d6d5101eU, 0x56e696ef84eb0ec2U, 0x72571be73fb30885U}) {
    BOOST_TEST(rng.below(bound) == expected);
  }
}

BOOST_AUTO_TEST_CASE(a_stream_does_not_depend_on_what_was_drawn_from_its_parent) {
  const Rng fresh{7};
  Rng used{7};
  for (int i = 0; i < 100; ++i) used.normal();
  const auto expected = bits_of<4>(fresh.stream("weights", 3));
  BOOST_TEST(bits_of<4>(used.stream("weights", 3)) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(deriving_a_stream_does_not_advance_its_parent) {
  Rng parent{7};
  (void)parent.stream("weights");
  BOOST_TEST(bits_of<4>(parent) == bits_of<4>(Rng{7}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(streams_differ_by_seed_purpose_index_and_path) {
  std::set<std::uint64_t> firsts;
  std::size_t streams = 0;
  const auto insert = [&](Rng rng) {
    firsts.insert(rng.bits());
    ++streams;
  };
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    const Rng rng{seed};
    insert(rng);
    for (const auto* purpose : {"", "a", "b", "ab", "ba", "a.b"}) {
      for (std::uint64_t index = 0; index < 100; ++index) insert(rng.stream(purpose, index));
    }
    insert(rng.stream("a").stream("b"));
    insert(rng.stream("b").stream("a"));
  }
  BOOST_TEST(firsts.size() == streams);
}

BOOST_AUTO_TEST_CASE(below_one_is_zero) {
  Rng rng{1};
  for (int i = 0; i < 100; ++i) BOOST_TEST(rng.below(1) == 0U);
}

BOOST_AUTO_TEST_CASE(below_stays_in_range_for_bounds_of_every_size) {
  Rng rng{1};
  for (int power = 1; power < 64; ++power) {
    const std::uint64_t bound = std::uint64_t{1} << power;
    for (const std::uint64_t near : {bound - 1, bound, bound + 1}) {
      for (int i = 0; i < 20; ++i) BOOST_TEST(rng.below(near) < near);
    }
  }
  const auto most = ~std::uint64_t{0};
  for (int i = 0; i < 20; ++i) BOOST_TEST(rng.below(most) < most);
}

// Chi-squared with 6 degrees of freedom exceeds 33 once in 10^5 seeds; this seed is fixed.
BOOST_AUTO_TEST_CASE(below_is_uniform) {
  constexpr int draws = 70000;
  Rng rng{3};
  std::array<int, 7> counts{};
  for (int i = 0; i < draws; ++i) ++counts.at(rng.below(counts.size()));
  double chi_squared = 0;
  for (const int count : counts) chi_squared += std::pow(count - draws / 7.0, 2) / (draws / 7.0);
  BOOST_TEST(chi_squared < 33.0);
}

// Without rejection the lower third of [0, 3 * 2^62) would come up half of the time.
BOOST_AUTO_TEST_CASE(below_is_unbiased_where_the_bound_does_not_divide_the_range) {
  constexpr int draws = 30000;
  constexpr std::uint64_t third = std::uint64_t{1} << 62;
  Rng rng{4};
  std::array<int, 3> counts{};
  for (int i = 0; i < draws; ++i) ++counts.at(rng.below(3 * third) / third);
  for (const int count : counts) BOOST_TEST(std::abs(count - draws / 3) < 400);
}

BOOST_AUTO_TEST_CASE(uniform_draws_fill_the_half_open_unit_interval) {
  constexpr int draws = 100000;
  Rng rng{5};
  double lowest = 1;
  double highest = 0;
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    const double draw = rng.uniform();
    lowest = std::min(lowest, draw);
    highest = std::max(highest, draw);
    sum += draw;
    BOOST_REQUIRE(draw >= 0.0);
    BOOST_REQUIRE(draw < 1.0);
    BOOST_REQUIRE(std::ldexp(draw, 53) == std::floor(std::ldexp(draw, 53)));
  }
  BOOST_TEST(lowest < 1e-4);
  BOOST_TEST(highest > 1 - 1e-4);
  BOOST_TEST(std::abs(sum / draws - 0.5) < 4 / std::sqrt(12.0 * draws));
}

BOOST_AUTO_TEST_CASE(uniform_draws_scale_to_an_interval) {
  Rng unit{6};
  Rng scaled{6};
  for (int i = 0; i < 100; ++i) BOOST_TEST(scaled.uniform(-2, 6) == -2 + 8 * unit.uniform());
}

// Four standard errors: sqrt(1/n) of the mean, sqrt(2/n) of the variance, sqrt(6/n) and sqrt(24/n) of
// skewness and excess kurtosis.
BOOST_AUTO_TEST_CASE(normal_draws_have_the_moments_of_the_normal_distribution) {
  constexpr int draws = 200000;
  Rng rng{8};
  std::array<double, 5> moments{};
  for (int i = 0; i < draws; ++i) {
    const double draw = rng.normal();
    BOOST_REQUIRE(std::isfinite(draw));
    for (int power = 1; power < 5; ++power) {
      moments.at(static_cast<std::size_t>(power)) += std::pow(draw, power) / draws;
    }
  }
  BOOST_TEST(std::abs(moments[1]) < 4 * std::sqrt(1.0 / draws));
  BOOST_TEST(std::abs(moments[2] - 1) < 4 * std::sqrt(2.0 / draws));
  BOOST_TEST(std::abs(moments[3]) < 4 * std::sqrt(15.0 / draws));
  BOOST_TEST(std::abs(moments[4] - 3) < 4 * std::sqrt(96.0 / draws));
}

BOOST_AUTO_TEST_CASE(a_shuffle_keeps_every_value) {
  std::vector<int> values(1000);
  std::iota(values.begin(), values.end(), 0);
  Rng{9}.shuffle(std::span{values});
  BOOST_TEST(!std::ranges::is_sorted(values));
  std::ranges::sort(values);
  for (int i = 0; i < 1000; ++i) BOOST_TEST(values[static_cast<std::size_t>(i)] == i);
}

BOOST_AUTO_TEST_CASE(nothing_and_one_value_are_shuffled_without_a_draw) {
  Rng rng{9};
  std::vector<int> one{1};
  rng.shuffle(std::span{one});
  rng.shuffle(std::span<int>{});
  BOOST_TEST(one[0] == 1);
  BOOST_TEST(rng.bits() == Rng{9}.bits());
}

// Each of the 24 orders is due 1000 times; the deviation allowed is five standard ones.
BOOST_AUTO_TEST_CASE(every_order_is_equally_likely) {
  Rng rng{10};
  std::vector<int> counts(256);
  for (int i = 0; i < 24000; ++i) {
    std::array<unsigned, 4> order{0, 1, 2, 3};
    rng.shuffle(std::span<unsigned>{order});
    ++counts[order[0] | order[1] << 2U | order[2] << 4U | order[3] << 6U];
  }
  std::erase(counts, 0);
  BOOST_TEST(counts.size() == 24U);
  for (const int count : counts) BOOST_TEST(std::abs(count - 1000) < 160);
}

BOOST_AUTO_TEST_CASE(a_saved_stream_goes_on_where_it_was) {
  Rng rng{1};
  rng.normal();
  const auto state = rng.state();
  Rng other{2};
  other.set_state(state);
  BOOST_TEST(bits_of<3>(other) == bits_of<3>(rng), boost::test_tools::per_element());
  BOOST_TEST(bits_of<3>(other.stream("a")) == bits_of<3>(rng.stream("a")), boost::test_tools::per_element());
  BOOST_CHECK_THROW(other.set_state({5, 0, 0, 0, 0}), keel::Error);
  BOOST_TEST(bits_of<3>(other) == bits_of<3>(rng), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
