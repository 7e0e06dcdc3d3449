// The numbers of the report, as text.

#include "keel/tools/system/number_text.hpp"
#include "keel/tools/findings/effect_text.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

namespace keel::test {
namespace {

using namespace keel::tools;  // NOLINT(google-build-using-namespace)

constexpr double infinite = std::numeric_limits<double>::infinity();

BOOST_AUTO_TEST_SUITE(number_text)

BOOST_AUTO_TEST_CASE(numbers_have_the_digits_that_can_be_known) {
  const Effect effect{.mean = 0.77812345, .low = 0.3612, .high = 1.1949};
  BOOST_TEST(effect_text(effect, "points", true).mean == "+0.78\u00A0points");
  BOOST_TEST(effect_text(effect, "points", true).interval == "[+0.36, +1.19]");
  const Effect ratio{.mean = 1.5701, .low = 1.4888, .high = 1.6599};
  BOOST_TEST(effect_text(ratio, "times", false).mean == "1.57\u00A0times");
  BOOST_TEST(effect_text(ratio, "times", false).interval == "[1.49, 1.66]");
  const Effect negative{.mean = -1234.4, .low = -1300.2, .high = -1168.6};
  BOOST_TEST(effect_text(negative, "", true).mean == "\u22121,234");
  BOOST_TEST(effect_text({.mean = 2.0 / 3.0}, "nats", true).mean == "+0.667\u00A0nats");
  BOOST_TEST(effect_text({.mean = 0.0, .low = 0.0, .high = 0.0}, "", true).interval == "[0, 0]");
  BOOST_TEST(effect_text({.mean = std::nan("")}, "", true).mean == "\u2013");
  BOOST_TEST(effect_text({.mean = 1e300, .low = -infinite, .high = infinite}, "", true).interval ==
             "[\u2013, \u2013]");
}

BOOST_AUTO_TEST_CASE(characters_are_counted_not_bytes) {
  BOOST_TEST(character_count("") == 0U);
  BOOST_TEST(character_count("abc") == 3U);
  BOOST_TEST(character_count("10\u207B\u00B3 \u00B5s") == 7U);
}

BOOST_AUTO_TEST_CASE(p_values_counts_and_times) {
  BOOST_TEST(p_text(std::nullopt) == "\u2013");
  BOOST_TEST(p_text(0.00195) == "0.002");
  BOOST_TEST(p_text(0.0004) == "<\u00A00.001");
  BOOST_TEST(p_text(0.25) == "0.25");
  BOOST_TEST(p_text(1.0) == "1");
  BOOST_TEST(count_text(48000) == "48,000");
  BOOST_TEST(count_text(-1234567) == "\u22121,234,567");
  BOOST_TEST(count_text(999) == "999");
  BOOST_TEST(short_text(0.01) == "0.01");
  BOOST_TEST(short_text(1234.0) == "1,234");
  BOOST_TEST(short_text(1.2e-9) == "1.2\u00A0\u00D7\u00A010\u207B\u2079");
  BOOST_TEST(seconds_text(0.84) == "0.8\u00A0s");
  BOOST_TEST(seconds_text(253.2) == "4\u00A0min 13\u00A0s");
  BOOST_TEST(seconds_text(infinite) == "\u2013");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
