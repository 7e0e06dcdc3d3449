// ONNX's own tests, each a network, its inputs and its outputs.

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "../../support/onnx_support.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using Kind = OnnxOutcome::Kind;

std::vector<OnnxOutcome> outcomes_in(const fs::path& folder) {
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder))
    if (fs::exists(entry.path() / "model.onnx")) folders.insert(entry.path());
  std::vector<OnnxOutcome> outcomes;
  for (const auto& test : folders) outcomes.push_back(run_onnx_test(test));
  return outcomes;
}

struct Count {
  int passed = 0;
  int unsupported = 0;
};

BOOST_AUTO_TEST_SUITE(conformance)

BOOST_AUTO_TEST_CASE(single_nodes_agree) {
  std::map<std::string, Count> counts;
  Count total;
  std::string log;
  for (const auto& outcome : outcomes_in(onnx_testdata() / "node")) {
    BOOST_TEST((outcome.kind != Kind::failed), outcome.name << ": " << outcome.why);
    log += fmt::format("{} {} {} {}\n", static_cast<int>(outcome.kind), outcome.name,
                       outcome.operators.size(), outcome.why);
    if (outcome.operators.size() != 1) continue;
    auto& count = counts[outcome.operators.front()];
    (outcome.kind == Kind::passed ? count.passed : count.unsupported) += 1;
    (outcome.kind == Kind::passed ? total.passed : total.unsupported) += 1;
  }
  if (const char* path = std::getenv("KEEL_ONNX_LOG")) std::ofstream{path} << log;
  BOOST_TEST_MESSAGE(fmt::format("{} passed, {} unsupported", total.passed, total.unsupported));
}

BOOST_AUTO_TEST_CASE(networks_agree) {
  std::string log;
  for (const auto* folder : {"simple", "pytorch-converted", "pytorch-operator"}) {
    for (const auto& outcome : outcomes_in(onnx_testdata() / folder)) {
      BOOST_TEST((outcome.kind != Kind::failed), outcome.name << ": " << outcome.why);
      log += fmt::format("{} {} {} {}\n", static_cast<int>(outcome.kind), outcome.name,
                         outcome.operators.size(), outcome.why);
    }
  }
  if (const char* path = std::getenv("KEEL_ONNX_LOG")) std::ofstream{path, std::ios::app} << log;
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
