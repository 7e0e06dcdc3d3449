// Boost.Test's program, and by itself:
//   test-differential --case TEXT                      checks one case
//   test-differential --session SEED SECONDS [FINDINGS] [INSTRUCTION_SET...]
//                                                      checks generated ones, that long for each set
//   test-differential --worker SEED FIRST SECONDS      what a session starts
#define BOOST_TEST_NO_MAIN
#define BOOST_TEST_MODULE differential
#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "session.hpp"
#include "worker.hpp"

namespace {

using namespace keel::differential;

int check_many(const std::vector<std::string>& arguments) {
  SessionOptions options;
  options.seed = std::stoull(arguments.at(1));
  options.seconds = std::stod(arguments.at(2));
  if (arguments.size() > 3) options.findings = std::stoul(arguments[3]);
  std::vector<std::string> sets(arguments.begin() + std::min<std::ptrdiff_t>(4, std::ssize(arguments)),
                                arguments.end());
  if (sets.empty()) sets = instruction_sets();
  std::size_t failures = 0;
  for (const auto& set : sets) {
    options.instruction_set = set;
    const auto report = run_session(options);
    fmt::print("{}: {} cases, {} findings, {} that ran out of time and were right when run again\n{}", set,
               report.cases, report.failures.size(), report.slow, to_text(report.tallies));
    for (const auto& failure : report.failures) fmt::print("{}\n", failure);
    std::fflush(stdout);
    failures += report.failures.size();
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "--case") return check_one(arguments[1]);
  if (arguments.size() >= 3 && arguments[0] == "--session") return check_many(arguments);
  if (arguments.size() == 4 && arguments[0] == "--worker") {
    work({.seed = std::stoull(arguments[1]),
          .first = std::stoull(arguments[2]),
          .seconds = std::stod(arguments[3])});
    return 0;
  }
  return boost::unit_test::unit_test_main(&init_unit_test, argc, argv);
}
