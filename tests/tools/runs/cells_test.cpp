#include "keel/tools/runs/cells.hpp"

#include <boost/test/unit_test.hpp>

namespace keel::test {
namespace {

using namespace keel::tools;

const Endpoint gain{.name = {}, .claim = {}, .unit = "points", .least = 1.0};

std::vector<double> around(double middle) {
  return {middle - 0.01, middle + 0.01,  middle - 0.02,  middle + 0.02,
          middle,        middle + 0.005, middle - 0.005, middle + 0.015};
}

BOOST_AUTO_TEST_SUITE(cells)

BOOST_AUTO_TEST_CASE(a_table_says_how_many_cells_hold_and_how_many_speak_against) {
  const std::vector<Cell> some{{"first", around(3.0)},
                               {"second", around(-3.0)},
                               {"third", around(0.1)},
                               {"fourth", around(2.0)},
                               {"absent", {}}};
  const auto table = cell_table("Gains", gain, some);
  BOOST_TEST(table.title == "Gains: 2 of 4 cells hold, 1 speaks against");
  BOOST_REQUIRE(table.rows.size() == 4U);
  const std::vector<std::string> verdicts{"supported", "contradicted", "ruled out", "supported"};
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    BOOST_REQUIRE(table.rows[i].size() == table.header.size());
    BOOST_TEST(table.rows[i][0] == some[i].name);
    BOOST_TEST(table.rows[i].back() == verdicts[i]);
  }
  BOOST_TEST(cell_table("Gains", gain, {}).title == "Gains: 0 of 0 cells hold, 0 speak against");
}

// The sign-flip test's p of eight seeds is 1/128 or more, which seven cells leave above 0.05.
BOOST_AUTO_TEST_CASE(cells_are_corrected_for_each_other) {
  std::vector<Cell> many;
  for (int i = 0; i < 6; ++i) many.push_back({"cell", around(3.0)});
  BOOST_TEST(cell_count(judge_cells(gain, many)) == "6 of 6 cells hold, 0 speak against");
  many.push_back({"cell", around(3.0)});
  BOOST_TEST(cell_count(judge_cells(gain, many)) == "0 of 7 cells hold, 0 speak against");
  BOOST_TEST(cell_table("Gains", gain, many).title ==
             "Gains: 0 of 7 cells hold, 0 speak against (corrected for each other, none can with 8 seeds)");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
