// Images brought to another size.

#include "keel/tools/data/fit_image.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>

namespace keel::test {
namespace {

using namespace keel::tools;
using Bytes = std::vector<std::uint8_t>;

Bytes fit(std::int64_t height, std::int64_t width, const Bytes& pixels, std::int64_t to_height,
          std::int64_t to_width) {
  return fit_image({height, width, pixels}, to_height, to_width);
}

BOOST_AUTO_TEST_SUITE(fit_image_suite)

BOOST_AUTO_TEST_CASE(an_image_of_the_size_stays_as_it_is) {
  Bytes pixels(6);
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{10});
  BOOST_TEST(fit(2, 3, pixels, 2, 3) == pixels, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(shrunk_pixels_are_means_of_areas) {
  const Bytes pixels{0, 100, 10, 30, 40, 60, 50, 70, 1, 1, 2, 2, 1, 1, 2, 2};
  BOOST_TEST(fit(4, 4, pixels, 2, 2) == (Bytes{50, 40, 1, 2}), boost::test_tools::per_element());
  // Three pixels over two: each takes one and a half.
  BOOST_TEST(fit(3, 3, {30, 60, 90, 30, 60, 90, 30, 60, 90}, 2, 2) == (Bytes{40, 80, 40, 80}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(enlarged_pixels_lie_between_their_neighbours) {
  BOOST_TEST(fit(1, 2, {0, 100}, 2, 4) == (Bytes{0, 25, 75, 100, 0, 25, 75, 100}),
             boost::test_tools::per_element());
  BOOST_TEST(fit(1, 1, {77}, 3, 3) == Bytes(9, 77), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_aspect_is_kept_and_the_rest_is_background) {
  // Two wide, one high: the middle two of four rows; around it the mean of the border, 150.
  const auto wide = fit(1, 2, {100, 200}, 4, 4);
  const Bytes row{100, 125, 175, 200};
  for (std::size_t y = 0; y < 4; ++y)
    for (std::size_t x = 0; x < 4; ++x) BOOST_TEST(wide[y * 4 + x] == (y == 1 || y == 2 ? row[x] : 150));
  const auto high = fit(6, 2, Bytes(12, 9), 3, 3);
  BOOST_TEST(high == Bytes(9, 9), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_constant_image_stays_constant_at_every_size) {
  for (const std::int64_t height : {1, 2, 3, 5, 28, 100, 1001}) {
    for (const std::int64_t width : {1, 7, 28, 99}) {
      const auto result = fit(height, width, Bytes(static_cast<std::size_t>(height * width), 123), 28, 20);
      BOOST_TEST((result == Bytes(28 * 20, 123)), height << " x " << width);
    }
  }
}

// Most of a very long image is never more than one pixel wide.
BOOST_AUTO_TEST_CASE(extreme_sizes_are_fine) {
  BOOST_TEST(fit(1, 1'000'000, Bytes(1'000'000, 5), 8, 8) == Bytes(64, 5), boost::test_tools::per_element());
  BOOST_TEST(fit(1'000'000, 1, Bytes(1'000'000, 5), 8, 8) == Bytes(64, 5), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_background_is_that_of_the_border) {
  const Bytes light{255, 255, 255, 255, 0, 255, 255, 255, 255};
  BOOST_TEST(has_light_background(ImageView{3, 3, light}));
  BOOST_TEST(!has_light_background(ImageView{3, 3, inverted(light)}));
  BOOST_TEST(inverted(inverted(light)) == light, boost::test_tools::per_element());
  BOOST_TEST(has_light_background(ImageView{1, 1, Bytes{200}}));
  // Most of a set decide.
  const ImageSet set{.height = 1, .width = 1, .pixels = {200, 200, 10}, .labels = {0, 0, 0}};
  BOOST_TEST(has_light_background(set));
  BOOST_TEST(!has_light_background(ImageSet{}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
