// The slice that runs with all other tests: random programs, KEEL_DIFFERENTIAL_SECONDS of them over all
// instruction sets (60), from KEEL_DIFFERENTIAL_SEED (1). The same seed makes the same cases, as many as there
// is time for.

#include "session.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

namespace {

using namespace keel::differential;

double number_from_environment(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stod(text);
}

BOOST_AUTO_TEST_SUITE(session_test)

BOOST_AUTO_TEST_CASE(random_programs_agree_with_f64_under_every_instruction_set) {
  const auto sets = instruction_sets();
  SessionOptions options;
  options.seed = static_cast<std::uint64_t>(number_from_environment("KEEL_DIFFERENTIAL_SEED", 1));
  options.seconds =
      number_from_environment("KEEL_DIFFERENTIAL_SECONDS", 60) / static_cast<double>(sets.size());
  options.findings = 5;
  for (const auto& set : sets) {
    options.instruction_set = set;
    const auto report = run_session(options);
    BOOST_TEST_MESSAGE(set << ": " << report.cases << " cases\n" << to_text(report.tallies));
    BOOST_TEST(report.cases > 0U);
    for (const auto& failure : report.failures) BOOST_ERROR(failure);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
