#include "keel/tools/system/terminal.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

namespace keel::test {
namespace {

using namespace keel::tools;

BOOST_AUTO_TEST_SUITE(terminal)

BOOST_AUTO_TEST_CASE(text_is_broken_at_spaces) {
  BOOST_TEST(wrapped("one two three", 80) == "one two three");
  BOOST_TEST(wrapped("one two three", 7) == "one two\nthree");
  BOOST_TEST(wrapped("one two three", 7, "  ") == "one two\n  three");
  BOOST_TEST(wrapped("one two three", 9, "", 4) == "one\ntwo three");
  BOOST_TEST(wrapped("aword-that-is-too-long b", 5) == "aword-that-is-too-long\nb");
  BOOST_TEST(wrapped("", 5).empty());
  BOOST_TEST(wrapped("−1 ± 2", 6) == "−1 ± 2");  // six characters of ten bytes
}

BOOST_AUTO_TEST_CASE(a_table_that_is_too_wide_has_its_cells_one_below_the_other) {
  const std::vector<std::string> header{"", "plain", "bn"};
  const std::vector<std::vector<std::string>> rows{{"accuracy", "10.07 %", "9 %"}, {"loss", "1", "20"}};
  BOOST_TEST(table_text(header, rows, 80) ==
             "            plain   bn\n"
             "accuracy  10.07 %  9 %\n"
             "loss            1   20\n");
  BOOST_TEST(table_text(header, rows, 22) == table_text(header, rows, 80));
  BOOST_TEST(table_text(header, rows, 21) ==
             "accuracy\n  plain: 10.07 %\n  bn: 9 %\nloss\n  plain: 1\n  bn: 20\n");
}

BOOST_AUTO_TEST_CASE(a_line_is_cut_between_characters) {
  BOOST_TEST(cut_to("abc", 2) == "ab");
  BOOST_TEST(cut_to("abc", 3) == "abc");
  BOOST_TEST(cut_to("±±±", 2) == "±±");
}

BOOST_AUTO_TEST_CASE(columns_says_how_wide_the_terminal_is) {
  const auto width_with = [](const char* columns) {
    ::setenv("COLUMNS", columns, 1);
    const auto width = terminal_width(-1);
    ::unsetenv("COLUMNS");
    return width;
  };
  BOOST_TEST(terminal_width(-1) == 80U);
  BOOST_TEST(width_with("132") == 132U);
  BOOST_TEST(width_with("3") == 20U);
  BOOST_TEST(width_with("99999999") == 1000U);
  for (const char* nonsense : {"", "x", "0", "-5", "80x", "99999999999999999999999"})
    BOOST_TEST(width_with(nonsense) == 80U, nonsense);
}

BOOST_AUTO_TEST_CASE(names_give_the_terminal_no_commands) {
  BOOST_TEST(printable("a\x1b[31mb\n\x7f") == "a\\x1b[31mb\\x0a\\x7f");
  BOOST_TEST(printable("Straße 7") == "Straße 7");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
