#include "keel/tools/data/crop.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>

#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr std::int64_t height = 6;
constexpr std::int64_t width = 5;

// Images whose background is `blank`, with something else where `is_busy` says so.
ImageSet images_with(int count, std::uint8_t blank,
                     const std::function<bool(int image, std::int64_t row, std::int64_t column)>& is_busy) {
  ImageSet set{.height = height, .width = width, .pixels = {}, .labels = {}};
  for (int image = 0; image < count; ++image) {
    set.labels.push_back(0);
    for (std::int64_t row = 0; row < height; ++row)
      for (std::int64_t column = 0; column < width; ++column)
        set.pixels.push_back(is_busy(image, row, column) ? static_cast<std::uint8_t>(blank + 100) : blank);
  }
  return set;
}

BOOST_AUTO_TEST_SUITE(crop)

BOOST_AUTO_TEST_CASE(blank_rows_and_columns_at_the_edges_are_left_out) {
  for (const int blank : {0, 140}) {
    const auto set =
        images_with(8, static_cast<std::uint8_t>(blank), [](int, std::int64_t row, std::int64_t column) {
          return (row == 1 || row == 2 || row == 4) && (column == 2 || column == 3) && row + column != 4;
        });
    // Row 3, which is blank, too, lies between others.
    BOOST_TEST((busy_part(set) == Crop{.top = 1, .left = 2, .rows = 4, .columns = 2}));
  }
}

// Of eight images two are a quarter.
BOOST_AUTO_TEST_CASE(a_row_that_a_quarter_of_the_images_use_is_kept_and_one_that_fewer_do_is_not) {
  for (const int users : {0, 1, 2, 3}) {
    const auto set = images_with(8, 0, [&](int image, std::int64_t row, std::int64_t column) {
      return column == 1 + image % 3 && (row == 2 || row == 3 || (row == 5 && image < users));
    });
    const auto part = busy_part(set);
    BOOST_TEST(part.top == 2);
    BOOST_TEST(part.rows == (users >= 2 ? 4 : 2), users);
    BOOST_TEST(part.left == 1);
    BOOST_TEST(part.columns == 3);
  }
}

BOOST_AUTO_TEST_CASE(where_nothing_would_be_left_all_is_kept) {
  const auto same = images_with(4, 7, [](int, std::int64_t, std::int64_t) { return false; });
  BOOST_TEST((busy_part(same) == Crop{.rows = height, .columns = width}));
  const auto one_row = images_with(4, 7, [](int, std::int64_t row, std::int64_t) { return row == 3; });
  BOOST_TEST(busy_part(one_row).rows == height);
}

BOOST_AUTO_TEST_CASE(images_of_noise_are_whole) {
  BOOST_TEST((busy_part(tiny_data().train) == Crop{.rows = 8, .columns = 8}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
