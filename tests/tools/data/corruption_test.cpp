#include "keel/tools/data/corruption.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <set>

#include "keel/runtime/error.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

ImageSet random_images(std::int64_t count, std::int64_t height, std::int64_t width, std::uint64_t low = 0,
                       std::uint64_t high = 255) {
  ImageSet set{.height = height, .width = width, .pixels = {}, .labels = {}};
  Rng rng{11};
  for (std::int64_t i = 0; i < count * height * width; ++i)
    set.pixels.push_back(static_cast<std::uint8_t>(low + rng.below(high - low + 1)));
  for (std::int64_t i = 0; i < count; ++i) set.labels.push_back(static_cast<std::uint8_t>(i % 7));
  return set;
}

double mean_change(const ImageSet& a, const ImageSet& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    sum += std::abs(static_cast<double>(a.pixels[i]) - static_cast<double>(b.pixels[i]));
  return sum / static_cast<double>(a.pixels.size());
}

BOOST_AUTO_TEST_SUITE(corruption)

BOOST_AUTO_TEST_CASE(images_of_any_size_stay_images_of_that_size) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 9}, {28, 28}, {3, 17}}) {
    const auto set = random_images(5, height, width);
    for (const auto kind : all_corruptions()) {
      for (int strength = 1; strength <= strongest; ++strength) {
        const auto result = corrupted(set, kind, strength, Rng{1});
        BOOST_TEST(result.height == height);
        BOOST_TEST(result.width == width);
        BOOST_TEST(result.labels == set.labels, boost::test_tools::per_element());
        BOOST_TEST(result.pixels.size() == set.pixels.size());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_images_and_another_one_others) {
  const auto set = random_images(20, 12, 9);
  for (const auto kind : all_corruptions()) {
    const auto once = corrupted(set, kind, 3, Rng{1});
    BOOST_TEST((once.pixels == corrupted(set, kind, 3, Rng{1}).pixels), name_of(kind));
    const bool is_random =
        kind == Corruption::noise || kind == Corruption::translation || kind == Corruption::occlusion;
    BOOST_TEST((once.pixels != corrupted(set, kind, 3, Rng{2}).pixels) == is_random, name_of(kind));
  }
}

// An image is corrupted alike, whatever else is in the set.
BOOST_AUTO_TEST_CASE(what_becomes_of_an_image_depends_on_its_number_alone) {
  const auto set = random_images(8, 10, 10);
  auto first = set;
  first.pixels.resize(3 * 100);
  first.labels.resize(3);
  for (const auto kind : all_corruptions()) {
    const auto all = corrupted(set, kind, 4, Rng{5});
    const auto some = corrupted(first, kind, 4, Rng{5});
    BOOST_TEST(std::equal(some.pixels.begin(), some.pixels.end(), all.pixels.begin()), name_of(kind));
  }
}

BOOST_AUTO_TEST_CASE(stronger_is_further_from_the_image) {
  // Smooth, as pictures are: in white noise a shift by one pixel changes as much as one by five.
  ImageSet set{.height = 28, .width = 28, .pixels = {}, .labels = std::vector<std::uint8_t>(30, 0)};
  for (int i = 0; i < 30; ++i)
    for (int row = 0; row < 28; ++row)
      for (int column = 0; column < 28; ++column)
        set.pixels.push_back(static_cast<std::uint8_t>(100.0 + 99.0 * std::sin(0.2 * (row - i)) *
                                                                   std::cos(0.15 * (column + i))));
  for (const auto kind : all_corruptions()) {
    double before = 0.0;
    for (int strength = 1; strength <= strongest; ++strength) {
      const double change = mean_change(set, corrupted(set, kind, strength, Rng{3}));
      BOOST_TEST(change > before, name_of(kind) << " " << strength);
      before = change;
    }
  }
}

BOOST_AUTO_TEST_CASE(brightness_and_contrast_are_what_they_are_by_hand) {
  ImageSet set{.height = 1, .width = 4, .pixels = {0, 100, 200, 240}, .labels = {0}};  // mean 135
  const auto brighter = corrupted(set, Corruption::brightness, 2, Rng{1});             // by 0.2 of 255
  BOOST_TEST(brighter.pixels == (std::vector<std::uint8_t>{51, 151, 251, 255}),
             boost::test_tools::per_element());
  const auto flatter = corrupted(set, Corruption::contrast, 2, Rng{1});  // 0.4 of the distance is left
  BOOST_TEST(flatter.pixels == (std::vector<std::uint8_t>{81, 121, 161, 177}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(noise_has_its_mean_and_deviation) {
  ImageSet set{.height = 50,
               .width = 50,
               .pixels = std::vector<std::uint8_t>(25000, 128),
               .labels = std::vector<std::uint8_t>(10, 0)};
  const auto noisy = corrupted(set, Corruption::noise, 1, Rng{4});  // 25.5, far from where it is cut
  double sum = 0.0;
  double squares = 0.0;
  for (const auto pixel : noisy.pixels) {
    sum += pixel - 128.0;
    squares += (pixel - 128.0) * (pixel - 128.0);
  }
  BOOST_TEST(std::abs(sum / 25000.0) < 4.0 * 25.5 / std::sqrt(25000.0));
  BOOST_TEST(std::sqrt(squares / 25000.0) == 25.5, boost::test_tools::tolerance(0.02));
}

BOOST_AUTO_TEST_CASE(blur_keeps_what_is_even_and_spreads_a_point_evenly) {
  ImageSet even{.height = 9, .width = 6, .pixels = std::vector<std::uint8_t>(54, 77), .labels = {0}};
  for (int strength = 1; strength <= strongest; ++strength)
    BOOST_TEST((corrupted(even, Corruption::blur, strength, Rng{1}).pixels == even.pixels));

  ImageSet point{.height = 21, .width = 21, .pixels = std::vector<std::uint8_t>(441, 0), .labels = {0}};
  point.pixels[10 * 21 + 10] = 255;
  const auto blurred = corrupted(point, Corruption::blur, 3, Rng{1});  // deviation 1.26 pixels
  const auto at = [&](int row, int column) {
    return int{blurred.pixels[static_cast<std::size_t>(row * 21 + column)]};
  };
  const double middle =
      255.0 / (2.0 * std::acos(-1.0) * 1.26 * 1.26);  // of a normal distribution in the plane
  BOOST_TEST(std::abs(at(10, 10) - middle) <= 1.0);
  BOOST_TEST(std::abs(at(10, 12) - middle * std::exp(-2.0 / (1.26 * 1.26))) <= 1.0);
  for (int i = 1; i < 5; ++i) {
    BOOST_TEST(at(10 + i, 10) == at(10 - i, 10));
    BOOST_TEST(at(10, 10 + i) == at(10 + i, 10));
  }
}

// In one of eight directions, by three pixels of 28; all eight occur.
BOOST_AUTO_TEST_CASE(translation_moves_an_image_and_black_follows) {
  const auto set = random_images(60, 28, 28, 1);  // no black of its own
  const auto moved = corrupted(set, Corruption::translation, 3, Rng{6});
  std::set<std::pair<int, int>> seen;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const auto matches = [&](int down, int right) {
      for (int row = 0; row < 28; ++row) {
        for (int column = 0; column < 28; ++column) {
          const int from_row = row - down;
          const int from_column = column - right;
          const bool inside = from_row >= 0 && from_row < 28 && from_column >= 0 && from_column < 28;
          const auto expected =
              inside ? set.image(i)[static_cast<std::size_t>(from_row * 28 + from_column)] : 0;
          if (moved.image(i)[static_cast<std::size_t>(row * 28 + column)] != expected) return false;
        }
      }
      return true;
    };
    int found = 0;
    for (const int down : {-3, 0, 3})
      for (const int right : {-3, 0, 3})
        if ((down != 0 || right != 0) && matches(down, right)) ++found, seen.insert({down, right});
    BOOST_TEST(found == 1, "image " << i);
  }
  BOOST_TEST(seen.size() == 8U);
}

BOOST_AUTO_TEST_CASE(occlusion_lays_one_grey_rectangle_over_each_image) {
  const auto set = random_images(40, 20, 10, 200);                       // no such grey of its own
  const auto hidden = corrupted(set, Corruption::occlusion, 2, Rng{7});  // 0.3 of either side: 6 x 3
  for (std::int64_t i = 0; i < set.size(); ++i) {
    int top = 20, bottom = -1, left = 10, right = -1, count = 0;
    for (int row = 0; row < 20; ++row) {
      for (int column = 0; column < 10; ++column) {
        const auto place = static_cast<std::size_t>(row * 10 + column);
        if (hidden.image(i)[place] == set.image(i)[place]) continue;
        BOOST_TEST(int{hidden.image(i)[place]} == 128);
        ++count;
        top = std::min(top, row), bottom = std::max(bottom, row);
        left = std::min(left, column), right = std::max(right, column);
      }
    }
    BOOST_TEST(count == 18);
    BOOST_TEST((bottom - top + 1 == 6 && right - left + 1 == 3));
  }
}

BOOST_AUTO_TEST_CASE(there_is_no_strength_but_one_to_five) {
  for (const int strength : {-1, 0, 6}) {
    BOOST_CHECK_EXCEPTION(corrupted(random_images(1, 2, 2), Corruption::blur, strength, Rng{1}), Error,
                          [](const Error& error) {
                            return std::string{error.what()}.find("from 1 to 5") != std::string::npos;
                          });
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
