#include "keel/tools/data/batches.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

namespace keel::test {
namespace {

using namespace keel::tools;

// Image i has the pixels i, i + 1, i + 2, ...
ImageSet counting_images(std::int64_t count, std::int64_t height, std::int64_t width) {
  ImageSet set{.height = height, .width = width, .pixels = {}, .labels = {}};
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t pixel = 0; pixel < height * width; ++pixel) {
      set.pixels.push_back(static_cast<std::uint8_t>(i + pixel));
    }
    set.labels.push_back(static_cast<std::uint8_t>(i % 10));
  }
  return set;
}

// The definition, in double: a float within a rounding or two of it.
void check_image(std::span<const float> row, std::int64_t image) {
  for (std::size_t pixel = 0; pixel < row.size(); ++pixel) {
    const auto byte = static_cast<std::uint8_t>(image + static_cast<std::int64_t>(pixel));
    BOOST_TEST(std::abs(row[pixel] - (byte / 255.0 - 0.5) / 0.5) < 2e-7,
               "image " << image << ", pixel " << pixel << ": " << row[pixel]);
  }
}

BOOST_AUTO_TEST_SUITE(batches)

BOOST_AUTO_TEST_CASE(a_batch_holds_the_images_and_labels_named_in_that_order) {
  const auto set = counting_images(300, 5, 7);
  BatchGatherer batch{set, 4};
  const std::vector<std::int32_t> indices{299, 0, 17, 17};  // the last image, and one twice
  batch.gather(indices);
  BOOST_TEST((batch.images().shape() == Shape{4, 35}));
  BOOST_TEST((batch.labels().shape() == Shape{4}));
  for (std::size_t i = 0; i < indices.size(); ++i) {
    check_image(batch.images().data<float>().subspan(i * 35, 35), indices[i]);
    BOOST_TEST(batch.labels().data<std::int32_t>()[i] == indices[i] % 10);
  }
}

BOOST_AUTO_TEST_CASE(every_byte_has_its_number_and_the_ends_are_exact) {
  const auto set = counting_images(1, 16, 16);
  BatchGatherer batch{set, 1};
  batch.gather(std::vector<std::int32_t>{0});
  const auto pixels = batch.images().data<float>();
  check_image(pixels, 0);
  BOOST_TEST(pixels.front() == -1.0F);
  BOOST_TEST(pixels.back() == 1.0F);
}

BOOST_AUTO_TEST_CASE(a_short_batch_has_its_own_shape_in_the_same_memory) {
  const auto set = counting_images(10, 2, 3);
  BatchGatherer batch{set, 4};
  batch.gather(std::vector<std::int32_t>{1, 2, 3, 4});
  const auto* memory = batch.images().bytes();
  batch.gather(std::vector<std::int32_t>{9});
  BOOST_TEST((batch.images().shape() == Shape{1, 6}));
  BOOST_TEST(batch.images().bytes() == memory);
  check_image(batch.images().data<float>(), 9);
}

BOOST_AUTO_TEST_CASE(a_split_is_of_all_images_each_once) {
  const auto [training, validation] = split(1003, 0, Rng{1});
  BOOST_TEST(training.size() == 802U);
  BOOST_TEST(validation.size() == 201U);
  std::set<std::int32_t> seen{training.begin(), training.end()};
  seen.insert(validation.begin(), validation.end());
  BOOST_TEST(seen.size() == 1003U);
  BOOST_TEST(*seen.begin() == 0);
  BOOST_TEST(*seen.rbegin() == 1002);
}

BOOST_AUTO_TEST_CASE(a_limit_shortens_training_and_leaves_validation) {
  const auto whole = split(1000, 0, Rng{3});
  const auto limited = split(1000, 50, Rng{3});
  BOOST_TEST(limited.training.size() == 50U);
  BOOST_TEST(std::ranges::equal(limited.training, std::span{whole.training}.first(50)));
  BOOST_TEST(limited.validation == whole.validation);
  BOOST_TEST(split(1000, 5000, Rng{3}).training.size() == 800U);
  BOOST_TEST(split_sizes(1000, 50).training == 50);
  BOOST_TEST(split_sizes(1000, 0).validation == 200);
}

BOOST_AUTO_TEST_CASE(the_seed_alone_decides_the_split) {
  BOOST_TEST(split(500, 0, Rng{1}).training == split(500, 0, Rng{1}).training);
  BOOST_TEST(split(500, 0, Rng{1}).training != split(500, 0, Rng{2}).training);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
