#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdlib>

namespace keel::test {

/// A precondition of tests that compile programs of their own: a sanitizer learns nothing from these.
inline boost::test_tools::assertion_result is_plain(boost::unit_test::test_unit_id /*unused*/) {
  const char* flags = std::getenv("KEEL_CXXFLAGS");
  boost::test_tools::assertion_result result{flags == nullptr || *flags == '\0'};
  result.message() << "this build is instrumented";
  return result;
}

}  // namespace keel::test
