// Boost.Test's program, or without it a session as long as asked:
//   test-differential --case TEXT                    checks one case
//   test-differential --session SEED SECONDS [COUNT] generated cases, up to COUNT findings, one an operator
#define BOOST_TEST_NO_MAIN
#define BOOST_TEST_MODULE differential
#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "session.hpp"

namespace {

using namespace keel::differential;

int check_one(const std::string& text) {
  const auto description = parse_case(text);
  Tallies tallies;
  const auto finding = check_case(description, tallies);
  fmt::print("{}{}\n", to_text(tallies), finding ? reproduction(description, *finding) : "no finding");
  return finding ? 1 : 0;
}

int check_many(const std::vector<std::string>& arguments) {
  SessionOptions options;
  options.seed = std::stoull(arguments.at(1));
  options.seconds = std::stod(arguments.at(2));
  options.once_an_operator = true;
  if (arguments.size() > 3) options.findings = std::stoul(arguments[3]);
  const auto report = run_session(options);
  fmt::print("{} cases\n{}", report.cases, to_text(report.tallies));
  for (const auto& failure : report.failures) fmt::print("{}\n", failure);
  return report.failures.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "--case") return check_one(arguments[1]);
  if (arguments.size() >= 3 && arguments[0] == "--session") return check_many(arguments);
  return boost::unit_test::unit_test_main(&init_unit_test, argc, argv);
}
