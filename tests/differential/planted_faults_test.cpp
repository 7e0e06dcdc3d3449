// Faults put into kernels on purpose: random programs must find each, and shrink it to a program that shows it
// and little else.

#include "planted_faults.hpp"

#include <boost/test/unit_test.hpp>

#include "check_case.hpp"
#include "generator.hpp"
#include "keel/runtime/error.hpp"
#include "shrink.hpp"

namespace {

using namespace keel;
using namespace keel::differential;

constexpr std::uint64_t most_cases = 20'000;

bool has_step(const Case& description, std::string_view name) {
  return std::ranges::any_of(description.steps, [&](const CaseStep& step) { return step.name == name; });
}

// What is found in a case that is without a finding otherwise.
std::optional<Finding> found_by_fault(const Case& description, const PlantedFault& fault) {
  Tallies tallies;
  try {
    auto finding = check_case(description, tallies, fault.sabotage);
    if (!finding || check_case(description, tallies)) return std::nullopt;
    return finding;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void check_is_found(const PlantedFault& fault) {
  for (std::uint64_t index = 0; index < most_cases; ++index) {
    const auto description = generate(7, index);
    if (!has_step(description, fault.operator_name)) continue;
    const auto finding = found_by_fault(description, fault);
    if (!finding) continue;
    const auto smallest = shrink(
        description, [&](const Case& smaller) { return found_by_fault(smaller, fault).has_value(); }, 200);
    BOOST_TEST_MESSAGE(fault.name << " in case " << index << ": " << to_text(smallest));
    BOOST_TEST(found_by_fault(smallest, fault).has_value());
    // The operator, and at most two that bring its numbers into the state that shows the fault.
    BOOST_TEST(smallest.steps.size() <= 3U);
    return;
  }
  BOOST_ERROR(fault.name << " was not found");
}

BOOST_AUTO_TEST_SUITE(planted_faults_test)

BOOST_AUTO_TEST_CASE(every_fault_planted_into_a_kernel_is_found_and_shrunk) {
  for (const auto& fault : planted_faults()) {
    BOOST_TEST_CONTEXT(fault.name)
    check_is_found(fault);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
