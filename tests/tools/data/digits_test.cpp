#include "keel/tools/data/digits.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

#include "keel/runtime/error.hpp"
#include "keel/tools/data/digit_strokes.hpp"

using namespace keel::tools;

namespace {

DataSet draw(std::uint64_t seed, std::int64_t train, std::int64_t test, int threads = 2) {
  return make_digits({.seed = seed, .train = train, .test = test, .threads = threads});
}

// FNV-1a (Fowler, Noll and Vo).
std::uint64_t checksum(std::span<const std::uint8_t> bytes, std::uint64_t hash = 0xCBF29CE484222325U) {
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3U;
  return hash;
}

bool starts_with(const ImageSet& set, const ImageSet& prefix) {
  return std::ranges::equal(std::span{set.pixels}.first(prefix.pixels.size()), prefix.pixels) &&
         std::ranges::equal(std::span{set.labels}.first(prefix.labels.size()), prefix.labels);
}

bool same(const ImageSet& a, const ImageSet& b) {
  return a.size() == b.size() && starts_with(a, b);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(digits)

BOOST_AUTO_TEST_CASE(describes_itself) {
  const DataSet data = draw(1, 30, 20);
  BOOST_TEST(data.name == "digits");
  BOOST_TEST(data.classes == 10);
  BOOST_TEST(data.train.size() == 30);
  BOOST_TEST(data.test.size() == 20);
  BOOST_TEST(data.train.height == 28);
  BOOST_TEST(data.train.width == 28);
  BOOST_TEST(data.train.pixels.size() == 30U * 28 * 28);
  BOOST_TEST(data.digest == digest(data.train, data.test));
}

BOOST_AUTO_TEST_CASE(same_bytes_whatever_the_thread_count) {
  const DataSet one = draw(7, 101, 37, 1);
  for (const int threads : {2, 3, 8, 200}) {
    const DataSet many = draw(7, 101, 37, threads);
    BOOST_TEST(same(one.train, many.train), "training images differ with " << threads << " threads");
    BOOST_TEST(same(one.test, many.test), "test images differ with " << threads << " threads");
  }
}

// Seen to hold for g++ 12 and clang++ 14, optimised and not.
BOOST_AUTO_TEST_CASE(same_bytes_on_every_machine) {
  const DataSet data = draw(1, 400, 100);
  BOOST_TEST(checksum(data.train.labels, checksum(data.train.pixels)) == 10396779797563070251U);
  BOOST_TEST(checksum(data.test.labels, checksum(data.test.pixels)) == 7818155622261581296U);
}

BOOST_AUTO_TEST_CASE(first_images_do_not_depend_on_the_counts) {
  const DataSet few = draw(3, 20, 10);
  const DataSet more = draw(3, 50, 40);
  BOOST_TEST(starts_with(more.train, few.train));
  BOOST_TEST(starts_with(more.test, few.test));
}

BOOST_AUTO_TEST_CASE(seeds_and_subsets_have_images_of_their_own) {
  const DataSet first = draw(1, 40, 40);
  const DataSet second = draw(2, 40, 40);
  BOOST_TEST(!same(first.train, second.train));
  BOOST_TEST(!same(first.test, second.test));
  BOOST_TEST(!same(first.train, first.test));
}

BOOST_AUTO_TEST_CASE(classes_are_about_equally_frequent) {
  const DataSet data = draw(1, 3000, 0);
  for (std::uint8_t label = 0; label < 10; ++label) {
    const auto count = std::ranges::count(data.train.labels, label);
    // Four standard deviations around 300.
    BOOST_TEST(count > 234, "digit " << int{label} << " drawn " << count << " times");
    BOOST_TEST(count < 366, "digit " << int{label} << " drawn " << count << " times");
  }
}

BOOST_AUTO_TEST_CASE(every_image_is_ink_on_bare_paper) {
  const DataSet data = draw(5, 2000, 0);
  for (std::int64_t i = 0; i < data.train.size(); ++i) {
    const auto image = data.train.image(i);
    const auto dark = std::ranges::count_if(image, [](std::uint8_t pixel) { return pixel >= 128; });
    const auto bare = std::ranges::count(image, std::uint8_t{0});
    BOOST_TEST(dark >= 15, "image " << i << " has " << dark << " inked pixels");
    BOOST_TEST(bare >= 28 * 28 / 3, "image " << i << " has " << bare << " bare pixels");
  }
}

BOOST_AUTO_TEST_CASE(no_images_is_a_data_set_too) {
  const DataSet data = draw(1, 0, 0);
  BOOST_TEST(data.train.size() == 0);
  BOOST_TEST(data.test.size() == 0);
}

BOOST_AUTO_TEST_CASE(impossible_options_are_refused) {
  BOOST_CHECK_THROW(draw(1, -1, 10), keel::Error);
  BOOST_CHECK_THROW(draw(1, 10, -1), keel::Error);
  BOOST_CHECK_THROW(draw(1, 10, 10, 0), keel::Error);
}

BOOST_AUTO_TEST_CASE(every_digit_is_written_in_several_ways) {
  for (const auto& glyphs : digit_alphabet()) {
    BOOST_TEST(glyphs.size() >= 3U);
    for (const Glyph& glyph : glyphs) {
      BOOST_TEST(glyph.weight > 0);
      BOOST_TEST(!glyph.strokes.empty());
      for (const Stroke& stroke : glyph.strokes) {
        BOOST_TEST(stroke.size() >= 2U);
        for (const ControlPoint& point : stroke) {
          BOOST_TEST((point.x >= 0 && point.x <= 100 && point.y >= 0 && point.y <= 100));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(curves_pass_through_their_control_points) {
  const Stroke stroke{{10, 20}, {40, 5}, {70, 30, true}, {35, 90}};
  const auto line = flatten(stroke);
  for (const ControlPoint& control : stroke) {
    BOOST_TEST(
        std::ranges::any_of(line, [&](StrokePoint p) { return p.x == control.x && p.y == control.y; }));
  }
}

BOOST_AUTO_TEST_CASE(two_points_are_joined_by_a_straight_line) {
  const auto line = flatten({{0, 0}, {100, 50}});
  BOOST_REQUIRE(line.size() > 2U);
  for (const StrokePoint p : line) BOOST_TEST(p.x == 2 * p.y, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_SUITE_END()
