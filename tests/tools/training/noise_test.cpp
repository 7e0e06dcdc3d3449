#include "keel/tools/training/noise.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "keel/models/compiled_function.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// What the noise makes of rows of a constant, in the order of the calls of `draw`.
class Noise {
 public:
  Noise(std::int64_t rows, std::int64_t units, std::int64_t largest_batch = 400)
      : noise_(largest_batch, units), src_(Shape{rows, units}) {}

  void draw(Rng& rng) { noise_.draw(rng); }
  std::vector<float> of(float constant) {
    std::ranges::fill(src_.data<float>(), constant);
    const Tensor result = function_(std::array{src_}).output(0);
    return {result.data<float>().begin(), result.data<float>().end()};
  }

 private:
  LayerNoise noise_;
  Tensor src_;
  CompiledFunction function_{
      Mode::training, [this](Tape&, std::span<const Var> v) { return std::vector{noise_.apply(v[0])}; }};
};

// Of units `unit`, the mean over all samples.
double mean_of_unit(const std::vector<float>& rows, std::size_t units, std::size_t unit) {
  double sum = 0.0;
  for (std::size_t i = unit; i < rows.size(); i += units) sum += rows[i];
  return sum * static_cast<double>(units) / static_cast<double>(rows.size());
}

BOOST_AUTO_TEST_SUITE(noise)

// Santurkar et al.: a unit's shift within 0.5, its factor between 1 and 1.25, samples within 0.1 of these.
BOOST_AUTO_TEST_CASE(it_has_a_mean_for_each_unit_and_a_spread_around_it) {
  constexpr std::size_t units = 200;
  Noise noise{400, units};
  Rng rng{3};
  noise.draw(rng);
  const auto shift = noise.of(0.0F);
  auto factor = noise.of(1.0F);
  for (std::size_t i = 0; i < factor.size(); ++i) factor[i] -= shift[i];
  struct Expected {
    const std::vector<float>& rows;
    double low, high;
  };
  for (const auto& [rows, low, high] : {Expected{shift, -0.5, 0.5}, Expected{factor, 1.0, 1.25}}) {
    std::vector<double> means;
    for (std::size_t unit = 0; unit < units; ++unit) {
      const double mean = mean_of_unit(rows, units, unit);
      double furthest = 0.0;
      for (std::size_t i = unit; i < rows.size(); i += units)
        furthest = std::max(furthest, std::abs(rows[i] - mean));
      // A mean of 400 uniform values is within 5 of their standard errors, of 0.0029.
      BOOST_TEST(furthest < 0.1 + 0.015);
      BOOST_TEST(furthest > 0.09);
      BOOST_TEST(mean > low - 0.015);
      BOOST_TEST(mean < high + 0.015);
      means.push_back(mean);
    }
    const auto [least, most] = std::ranges::minmax(means);
    BOOST_TEST(least < low + 0.05 * (high - low) + 0.015);
    BOOST_TEST(most > high - 0.05 * (high - low) - 0.015);
  }
}

BOOST_AUTO_TEST_CASE(it_follows_from_the_stream_and_is_new_at_each_draw) {
  Noise a{5, 3, 8};
  Noise b{5, 3, 8};
  Rng first{7};
  Rng second{7};
  a.draw(first);
  b.draw(second);
  const auto before = a.of(1.0F);
  BOOST_TEST(before == b.of(1.0F), boost::test_tools::per_element());
  BOOST_TEST(before == a.of(1.0F), boost::test_tools::per_element());
  a.draw(first);
  BOOST_TEST((before != a.of(1.0F)));
  b.draw(second);
  BOOST_TEST(a.of(1.0F) == b.of(1.0F), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
