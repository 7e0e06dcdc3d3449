#include "keel/tools/system/near_miss.hpp"

#include <array>
#include <boost/test/unit_test.hpp>

namespace keel::test {
namespace {

using namespace keel::tools;

BOOST_AUTO_TEST_SUITE(near_miss)

BOOST_AUTO_TEST_CASE(edits_are_insertions_deletions_replacements_and_swaps) {
  BOOST_TEST(edits_between("", "") == 0U);
  BOOST_TEST(edits_between("abc", "") == 3U);
  BOOST_TEST(edits_between("depth", "dept") == 1U);
  BOOST_TEST(edits_between("compair", "compare") == 2U);
  BOOST_TEST(edits_between("epcohs", "epochs") == 1U);
  BOOST_TEST(edits_between("kitten", "sitting") == 3U);
}

BOOST_AUTO_TEST_CASE(the_nearest_name_is_found_and_nothing_far) {
  const std::array<std::string, 4> names{"--batch-size", "--epochs", "--seed", "--seeds"};
  BOOST_TEST(nearest("--batch-sise", names).value() == "--batch-size");
  BOOST_TEST(nearest("--epoch", names).value() == "--epochs");
  BOOST_TEST(nearest("--bat", names).value() == "--batch-size");
  BOOST_TEST(nearest("--seed", names).value() == "--seed");
  BOOST_TEST(!nearest("--colour", names).has_value());
  BOOST_TEST(!nearest("", names).has_value());
  BOOST_TEST(!nearest(std::string(1'000'000, 'x'), names).has_value());
  BOOST_TEST(suggestion("--epoch", names) == " (did you mean '--epochs'?)");
  BOOST_TEST(suggestion("--colour", names).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
