#include "keel/runtime/scale_bytes.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

namespace {

BOOST_AUTO_TEST_SUITE(scale_bytes_test)

BOOST_AUTO_TEST_CASE(bytes_are_scaled_as_a_plain_loop_would_to_the_bit) {
  for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 784U, 1000U}) {
    std::vector<std::uint8_t> src(count);
    for (std::size_t i = 0; i < count; ++i) src[i] = static_cast<std::uint8_t>(i * 37);
    std::vector<float> dst(count + 1, 9.0F);
    keel::scale_bytes(src.data(), dst.data(), std::ssize(src), 2.0F / 255.0F, -1.0F);
    for (std::size_t i = 0; i < count; ++i) {
      BOOST_TEST(dst[i] == static_cast<float>(src[i]) * (2.0F / 255.0F) + -1.0F);
    }
    BOOST_TEST(dst[count] == 9.0F);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
