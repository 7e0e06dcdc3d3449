#include "worker.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "generator.hpp"
#include "keel/runtime/error.hpp"

namespace keel::differential {
namespace {

constexpr unsigned seconds_until_it_hangs = 20;

// For the signal handler, which must not allocate.
std::atomic<std::uint64_t> present_case = 0;

extern "C" void report_crash(int signal) {
  std::array<char, 64> line{};
  const int length = std::snprintf(line.data(), line.size(), "\ncrashed %llu %d\n",
                                   static_cast<unsigned long long>(present_case.load()), signal);
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, line.data(), static_cast<std::size_t>(length));
  ::_exit(3);
}

void print_tallies(const Tallies& tallies, std::uint64_t cases) {
  for (const auto& [name, tally] : tallies)
    fmt::print("tally {} {} {} {}\n", name, tally.nodes, tally.comparisons, tally.worst);
  fmt::print("cases {}\n", cases);
  std::fflush(stdout);
}

}  // namespace

void work(const Work& work) {
  using Clock = std::chrono::steady_clock;
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM}) ::signal(signal, report_crash);
  const auto passed = [start = Clock::now()] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  Tallies tallies;
  std::uint64_t cases = 0;
  double next_report = 1.0;
  for (auto index = work.first; index < work.last && passed() < work.seconds; ++index) {
    present_case = index;
    ::alarm(seconds_until_it_hangs);
    const auto description = generate(work.seed, index);
    try {
      if (const auto finding = check_case(description, tallies))
        fmt::print("finding {} {}\n", index, finding->operator_name);
    } catch (const Error& error) {
      fmt::print("finding {} case\n", index);
    }
    ++cases;
    if (passed() < next_report) continue;
    print_tallies(tallies, cases);
    next_report = passed() + 1.0;
  }
  ::alarm(0);
  print_tallies(tallies, cases);
}

int check_one(const std::string& text) {
  ::alarm(seconds_until_it_hangs);
  const auto description = parse_case(text);
  Tallies tallies;
  std::optional<Finding> finding;
  try {
    finding = check_case(description, tallies);
  } catch (const Error& error) {
    fmt::print("not a case: {}\n", error.what());
    return 2;
  }
  if (!finding) {
    fmt::print("no finding\n");
    return 0;
  }
  fmt::print("{}\n{}\n", finding->operator_name, finding->text);
  return 1;
}

std::string reproduction(const Case& description, std::string_view finding) {
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  return fmt::format("{}test-differential --case '{}'  # {}",
                     limit == nullptr ? "" : fmt::format("ONEDNN_MAX_CPU_ISA={} ", limit),
                     to_text(description), finding);
}

}  // namespace keel::differential
