// Cases as text, and that they are a function of seed and index alone.

#include <boost/test/unit_test.hpp>

#include "generator.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel::differential;

BOOST_AUTO_TEST_SUITE(case_test)

BOOST_AUTO_TEST_CASE(a_case_is_read_back_from_its_text) {
  for (std::uint64_t index = 0; index < 200; ++index) {
    const auto description = generate(3, index);
    BOOST_TEST_CONTEXT(to_text(description))
    BOOST_TEST((parse_case(to_text(description)) == description));
  }
}

BOOST_AUTO_TEST_CASE(a_case_is_a_function_of_seed_and_index) {
  BOOST_TEST((generate(3, 17) == generate(3, 17)));
  BOOST_TEST((generate(3, 17) != generate(3, 18)));
  BOOST_TEST((generate(3, 17) != generate(4, 17)));
}

BOOST_AUTO_TEST_CASE(what_is_no_case_is_refused) {
  for (const auto* text : {"in 3x3 nonsense", "in 3x3", "in 3xq normal", "update sgd x 0 0", "relu 0 | a"})
    BOOST_CHECK_THROW(parse_case(text), keel::Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
