// ONNX's own tests, each a network, its inputs and its outputs.

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "../../support/onnx_support.hpp"
#include "../../support/process.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using Kind = OnnxOutcome::Kind;

bool has_testdata() {
  if (fs::exists(onnx_testdata() / "node")) return true;
  BOOST_TEST_MESSAGE("libonnx-testdata is not installed here: ONNX's own tests were not run");
  return false;
}

std::vector<OnnxOutcome> outcomes_in(const fs::path& folder) {
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder))
    if (fs::exists(entry.path() / "model.onnx")) folders.insert(entry.path());
  std::vector<OnnxOutcome> outcomes;
  for (const auto& test : folders) {
    outcomes.push_back(run_onnx_test(test));
    const auto& [name, kind, why, operators] = outcomes.back();
    BOOST_TEST((kind != Kind::failed), name << ": " << why);
  }
  return outcomes;
}

struct Count {
  int passed = 0;
  int unsupported = 0;

  void add(const OnnxOutcome& outcome) { (outcome.kind == Kind::passed ? passed : unsupported) += 1; }
};

// What is kept of a run: a line an operator.
std::string table_of(const std::map<std::string, Count>& counts, const Count& total) {
  std::string table = fmt::format("{:<40} {:>6} {:>13}\n", "operator", "passed", "not supported");
  const auto line = [&](const std::string& name, const Count& count) {
    table += fmt::format("{:<40} {:>6} {:>13}\n", name, count.passed, count.unsupported);
  };
  for (const auto& [name, count] : counts) line(name, count);
  line("all", total);
  return table;
}

// With $KEEL_ONNX_TABLE set, `table` becomes the file of that name; and why tests did not pass, a file
// beside it.
void keep(const std::string& table, const std::vector<OnnxOutcome>& outcomes) {
  const char* path = std::getenv("KEEL_ONNX_TABLE");
  if (path == nullptr) return;
  std::ofstream{path} << table;
  std::ofstream reasons{std::string{path} + ".reasons"};
  for (const auto& outcome : outcomes)
    if (outcome.kind != Kind::passed) reasons << outcome.name << ": " << outcome.why << "\n";
}

BOOST_AUTO_TEST_SUITE(onnx_conformance_test)

// The README's counts, and the table that it leads to, are those of this run where it is of the same data.
BOOST_AUTO_TEST_CASE(single_operators_agree) {
  if (!has_testdata()) return;
  std::map<std::string, Count> counts;
  Count total;
  const auto outcomes = outcomes_in(onnx_testdata() / "node");
  for (const auto& outcome : outcomes) {
    if (outcome.operators.size() != 1) continue;
    counts[outcome.operators.front()].add(outcome);
    total.add(outcome);
  }
  const auto table = table_of(counts, total);
  keep(table, outcomes);
  BOOST_TEST_MESSAGE(fmt::format("{} passed, {} not supported", total.passed, total.unsupported));
  const std::map<int, std::string> releases{{819, "12"}, {1051, "13"}};  // by the number of tests
  const auto release = releases.find(total.passed + total.unsupported);
  if (release == releases.end()) {
    BOOST_TEST_MESSAGE("these are not the tests of Debian 12 or 13: the README's counts were not compared");
    return;
  }
  const auto row =
      fmt::format("| {} | {} | {} | 0 |", total.passed + total.unsupported, total.passed, total.unsupported);
  BOOST_TEST(read_file(source_root() / "README.md").find(row) != std::string::npos, row);
  BOOST_TEST(
      read_file(source_root() / fmt::format("tools/results/onnx-debian-{}.txt", release->second)) == table,
      table);
}

BOOST_AUTO_TEST_CASE(networks_of_pytorch_agree) {
  if (!has_testdata()) return;
  Count total;
  for (const auto* folder : {"simple", "pytorch-converted", "pytorch-operator"})
    for (const auto& outcome : outcomes_in(onnx_testdata() / folder)) total.add(outcome);
  BOOST_TEST_MESSAGE(fmt::format("{} passed, {} not supported", total.passed, total.unsupported));
  BOOST_TEST(total.passed >= 50);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
