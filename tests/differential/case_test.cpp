// Cases as text, and that they are a function of seed and index alone.

#include <boost/test/unit_test.hpp>

#include "generator.hpp"

namespace {

using namespace keel::differential;

BOOST_AUTO_TEST_CASE(a_case_is_read_back_from_its_text) {
  for (std::uint64_t index = 0; index < 200; ++index) {
    const auto description = generate(3, index);
    BOOST_TEST_CONTEXT(to_text(description))
    BOOST_TEST((parse_case(to_text(description)) == description));
  }
}

}  // namespace
