#include "keel/tools/data/class_checks.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keel/tools/data/image_set.hpp"

BOOST_AUTO_TEST_SUITE(class_checks_test)

// As in the letters of EMNIST, which begin at 1.
BOOST_AUTO_TEST_CASE(classes_without_training_images_are_told) {
  const auto note = [](std::vector<std::uint8_t> train, int classes, std::vector<std::string> names = {}) {
    return keel::tools::empty_classes_note({.name = "letters",
                                            .classes = classes,
                                            .class_names = std::move(names),
                                            .train = {.labels = std::move(train)}});
  };
  BOOST_TEST(note({0, 1, 2}, 3) == "");
  BOOST_TEST(note({1, 2}, 3) == "'letters' has no training images of class 0");
  BOOST_TEST(note({1, 3, 8}, 10) == "'letters' has no training images of classes 0, 2, 4 to 7, 9");
  BOOST_TEST(note({2, 5}, 6) == "'letters' has no training images of classes 0, 1, 3, 4");
  BOOST_TEST(note({0, 255}, 256) == "'letters' has no training images of classes 1 to 254");
  BOOST_TEST(note({0, 2}, 3, {"a", "b", "c"}) == "'letters' has no training images of class 'b'");
}

// The first two examples of FIPS 180-2, spread over the four arrays in the order that `digest` promises.
BOOST_AUTO_TEST_CASE(the_digest_is_sha_256_of_the_four_arrays) {
  BOOST_TEST(keel::tools::digest({.height = 1, .width = 1, .pixels = {'a'}, .labels = {'b'}},
                                 {.height = 1, .width = 1, .pixels = {'c'}, .labels = {}}) ==
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const auto bytes = [](std::string_view text) {
    return std::vector<std::uint8_t>(text.begin(), text.end());
  };
  BOOST_TEST(keel::tools::digest({.pixels = bytes("abcdbcdecdefdefgefgh"), .labels = bytes("fghighij")},
                                 {.pixels = bytes("hijkijkljklmklmnlmno"), .labels = bytes("mnopnopq")}) ==
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

BOOST_AUTO_TEST_SUITE_END()
