#include "session.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <set>

#include "generator.hpp"
#include "keel/runtime/error.hpp"
#include "shrink.hpp"

namespace keel::differential {
namespace {

// A case that is not a program has no finding; shrinking proposes such.
std::optional<Finding> finding_of(const Case& description) {
  Tallies ignored;
  try {
    return check_case(description, ignored);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string failure_line(const Case& description, const Finding& finding, bool shrunk) {
  if (!shrunk) return reproduction(description, finding);
  const auto smallest = shrink(description, [&](const Case& smaller) {
    const auto found = finding_of(smaller);
    return found && found->operator_name == finding.operator_name;
  });
  return reproduction(smallest, finding_of(smallest).value_or(finding));
}

}  // namespace

std::string reproduction(const Case& description, const Finding& finding) {
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  return fmt::format("{}test-differential --case '{}'  # {}",
                     limit == nullptr ? "" : fmt::format("ONEDNN_MAX_CPU_ISA={} ", limit),
                     to_text(description), finding.text);
}

SessionReport run_session(const SessionOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  SessionReport report;
  std::set<std::string> found_operators;
  for (std::uint64_t index = options.first;; ++index) {
    const double passed = std::chrono::duration<double>(Clock::now() - start).count();
    if (options.cases > 0 && report.cases >= options.cases) break;
    if (options.seconds > 0 && passed >= options.seconds) break;
    const auto description = generate(options.seed, index);
    ++report.cases;
    std::optional<Finding> finding;
    try {
      finding = check_case(description, report.tallies);
    } catch (const Error& error) {
      finding = Finding{"case", error.what()};
    }
    if (!finding) continue;
    if (options.once_an_operator && !found_operators.insert(finding->operator_name).second) continue;
    report.failures.push_back(
        failure_line(description, *finding, options.shrink && finding->operator_name != "case"));
    if (report.failures.size() >= options.findings) break;
  }
  return report;
}

std::string to_text(const Tallies& tallies) {
  std::string text =
      fmt::format("{:<38}{:>10}{:>14}{:>14}\n", "operator", "nodes", "comparisons", "worst/bound");
  for (const auto& [name, tally] : tallies)
    text += fmt::format("{:<38}{:>10}{:>14}{:>14.3f}\n", name, tally.nodes, tally.comparisons, tally.worst);
  return text;
}

}  // namespace keel::differential
