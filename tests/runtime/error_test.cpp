#include "keel/runtime/error.hpp"
#include "keel/runtime/counted.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

namespace {

using keel::describe;
using keel::SourceLocation;

std::string caller_of(const SourceLocation& where = SourceLocation::current()) {
  return describe(where);
}

// A function that takes the caller's line in its turn, and passes it on.
std::string caller_of_outer(const SourceLocation& where = SourceLocation::current()) {
  return caller_of(where);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(error_test)

BOOST_AUTO_TEST_CASE(a_location_is_described_without_folders) {
  BOOST_TEST(describe(SourceLocation::current("/a/b.d/net.cpp", 12)) == "net.cpp:12");
  BOOST_TEST(describe(SourceLocation::current("../net.cpp", 3)) == "net.cpp:3");
  BOOST_TEST(describe(SourceLocation::current("net.cpp", 1)) == "net.cpp:1");
}

BOOST_AUTO_TEST_CASE(a_default_argument_captures_the_callers_line) {
  const std::string expected = "error_test.cpp:" + std::to_string(__LINE__ + 1);
  const std::string direct = caller_of();
  BOOST_TEST(direct == expected);
}

BOOST_AUTO_TEST_CASE(a_line_that_is_passed_on_stays_that_of_the_outer_caller) {
  const std::string expected = "error_test.cpp:" + std::to_string(__LINE__ + 1);
  const std::string nested = caller_of_outer();
  BOOST_TEST(nested == expected);
}

BOOST_AUTO_TEST_CASE(one_thing_is_counted_in_the_singular) {
  BOOST_TEST(keel::counted(1, "gradient") == "1 gradient");
  BOOST_TEST(keel::counted(0, "gradient") == "0 gradients");
  BOOST_TEST(keel::counted(std::size_t{2}, "gradient") == "2 gradients");
  BOOST_TEST(keel::counted(1, "axis", "axes") == "1 axis");
  BOOST_TEST(keel::counted(3, "axis", "axes") == "3 axes");
}

BOOST_AUTO_TEST_CASE(every_error_is_a_keel_error_with_its_text) {
  BOOST_CHECK_THROW(throw keel::ShapeError{"a"}, keel::Error);
  BOOST_CHECK_THROW(throw keel::NonFiniteError{"a"}, keel::Error);
  BOOST_TEST(keel::NonFiniteError{"the loss is nan"}.what() == "the loss is nan");
}

BOOST_AUTO_TEST_SUITE_END()
