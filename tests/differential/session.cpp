#include "session.hpp"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <sstream>

#include "../support/process.hpp"
#include "generator.hpp"
#include "shrink.hpp"

namespace keel::differential {
namespace {

test::Finished run_self(const SessionOptions& options, const std::string& arguments) {
  static const auto program = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto variable =
      options.instruction_set.empty() ? "" : fmt::format("ONEDNN_MAX_CPU_ISA={} ", options.instruction_set);
  return test::run_command(fmt::format("{}'{}' {}", variable, program, arguments), "/tmp");
}

// What one case does in a process of its own: the operator that is wrong, and the text; "crash" for one that
// takes the process down; empty for nothing.
struct Verdict {
  std::string operator_name;
  std::string text;
};

Verdict verdict_of(const SessionOptions& options, const Case& description) {
  const auto finished = run_self(options, fmt::format("--case '{}'", to_text(description)));
  if (finished.status == 0 || finished.status == 2) return {};
  if (finished.status != 1) return {"crash", fmt::format("ended by signal {}", finished.status - 128)};
  std::istringstream lines{finished.out};
  Verdict verdict;
  std::getline(lines, verdict.operator_name);
  std::getline(lines, verdict.text);
  return verdict;
}

std::string failure_line(const SessionOptions& options, const Case& description, const std::string& name) {
  const auto smallest = shrink(
      description, [&](const Case& smaller) { return verdict_of(options, smaller).operator_name == name; });
  const auto verdict = verdict_of(options, smallest);
  const auto text = verdict.text.empty() ? name + ", not when it is run again" : verdict.text;
  const auto line = reproduction(smallest, text);
  return options.instruction_set.empty()
             ? line
             : fmt::format("ONEDNN_MAX_CPU_ISA={} {}", options.instruction_set, line);
}

// What a worker wrote: the last tallies, and the cases that failed.
struct Parsed {
  std::uint64_t cases = 0;
  Tallies tallies;
  std::vector<std::pair<std::uint64_t, std::string>> failed;  // case, operator
  bool crashed = false;
  int signal = 0;  // that ended it
};

Parsed parse(const std::string& out) {
  Parsed parsed;
  std::istringstream lines{out};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string kind;
    std::string name;
    std::uint64_t index = 0;
    words >> kind;
    if (kind == "tally") {
      Tally tally;
      words >> name >> tally.nodes >> tally.comparisons >> tally.worst;
      parsed.tallies[name] = tally;
    } else if (kind == "cases") {
      words >> parsed.cases;
    } else if (kind == "finding" && words >> index >> name) {
      parsed.failed.emplace_back(index, name);
    } else if (kind == "crashed" && words >> index >> parsed.signal) {
      parsed.failed.emplace_back(index, "crash");
      parsed.crashed = true;
    }
  }
  return parsed;
}

// Whether a case that ran out of time is right when it has time anew.
bool was_only_slow(const SessionOptions& options, const Case& description, const Parsed& parsed) {
  return parsed.signal == SIGALRM && verdict_of(options, description).operator_name.empty();
}

void add(Tallies& all, const Tallies& more) {
  for (const auto& [name, tally] : more) {
    auto& sum = all[name];
    sum.nodes += tally.nodes;
    sum.comparisons += tally.comparisons;
    sum.worst = std::max(sum.worst, tally.worst);
  }
}

}  // namespace

SessionReport run_session(const SessionOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
  SessionReport report;
  std::set<std::string> known;
  std::uint64_t first = 0;
  for (bool crashed = true; crashed;) {
    const double left = std::chrono::duration<double>(end - Clock::now()).count();
    if (left <= 0) break;
    const auto out = run_self(options, fmt::format("--worker {} {} {}", options.seed, first, left)).out;
    const auto parsed = parse(out);
    crashed = parsed.crashed;
    report.cases += parsed.cases;
    add(report.tallies, parsed.tallies);
    for (const auto& [index, name] : parsed.failed) {
      first = index + 1;
      const auto description = generate(options.seed, index);
      if (name == "crash" && was_only_slow(options, description, parsed)) {
        ++report.slow;
        continue;
      }
      if (report.failures.size() >= options.findings || !known.insert(name).second) continue;
      report.failures.push_back(failure_line(options, description, name));
    }
  }
  return report;
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> sets;
#ifdef __x86_64__
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse4.1")) sets.emplace_back("SSE41");
  if (__builtin_cpu_supports("avx2")) sets.emplace_back("AVX2");
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq"))
    sets.emplace_back("AVX512_CORE");
#else
  sets.emplace_back("ALL");
#endif
  return sets;
}

std::string to_text(const Tallies& tallies) {
  std::string text =
      fmt::format("{:<38}{:>10}{:>14}{:>14}\n", "operator", "nodes", "comparisons", "worst/bound");
  for (const auto& [name, tally] : tallies)
    text += fmt::format("{:<38}{:>10}{:>14}{:>14.3f}\n", name, tally.nodes, tally.comparisons, tally.worst);
  return text;
}

}  // namespace keel::differential
