// Commands that several processes do together: what comes of it is what one process comes to.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

constexpr auto small_study = "study initialization --quick --seeds 2 --data tiny --quiet --threads 1";

struct Joined : StudyFolder {
  [[nodiscard]] Finished shell(const std::string& line) const { return run_command(line, *this / ""); }
  [[nodiscard]] std::string keel_program() const { return fmt::format("'{}'", std::getenv("KEEL_PROGRAM")); }

  // What one process makes of the study by itself.
  [[nodiscard]] tools::Json alone() const {
    BOOST_REQUIRE(shell(fmt::format("{} {} --out alone", keel_program(), small_study)).status == 0);
    return without_times(results_in(*this / "alone"));
  }

  // A process in the background, whose number is $pid, of which two runs are kept.
  [[nodiscard]] std::string with_two_runs_kept() const {
    return fmt::format(
        "{} {} --join --out shared >of-first 2>&1 & pid=$!;"
        "for i in $(seq 6000); do [ $(ls shared/runs 2>/dev/null | wc -l) -lt 2 ] || break; sleep 0.01; done;",
        keel_program(), small_study);
  }

  [[nodiscard]] std::string takes_over() const {
    return fmt::format("{} {} --join --lease 1 --out shared", keel_program(), small_study);
  }

  [[nodiscard]] std::size_t claims_left() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator{*this / "shared" / "runs"})
      count += entry.path().extension() == ".lease" ? 1U : 0U;
    return count;
  }
};

BOOST_FIXTURE_TEST_SUITE(joined_processes, Joined)

BOOST_AUTO_TEST_CASE(three_processes_give_the_bits_of_one) {
  const auto three = shell(
      fmt::format("for i in 1 2 3; do {} {} --join --out shared >out$i 2>&1 || echo failed & done; wait",
                  keel_program(), small_study));
  BOOST_TEST(three.out == "");
  BOOST_TEST((without_times(results_in(*this / "shared")) == alone()));
  for (const char* out : {"out1", "out2", "out3"})
    BOOST_TEST(read_file(*this / out).find("report: shared/report.html") != std::string::npos, out);
  BOOST_TEST(claims_left() == 0U);
}

BOOST_AUTO_TEST_CASE(compare_and_batch_study_are_shared_too) {
  for (const char* command : {"compare --seeds 2 --epochs 2", "batch-study --seeds 2 --epochs 2"}) {
    const auto ran = shell(fmt::format(
        "rm -rf alone shared; {0} {1} --data tiny --quiet --out alone && "
        "({0} {1} --data tiny --quiet --join --out shared & {0} {1} --data tiny --quiet --join --out shared; wait)",
        keel_program(), command));
    BOOST_TEST(ran.err == "", command);
    BOOST_TEST((without_times(results_in(*this / "shared")) == without_times(results_in(*this / "alone"))),
               command);
  }
}

BOOST_AUTO_TEST_CASE(a_killed_process_loses_the_run_that_it_was_at_to_another) {
  const auto ended = shell(with_two_runs_kept() + "kill -KILL $pid; wait $pid; " + takes_over());
  BOOST_TEST(ended.status == 0, ended.err);
  BOOST_TEST((without_times(results_in(*this / "shared")) == alone()));
  BOOST_TEST(claims_left() == 0U);
}

// Its claim is not kept up while it is stopped. When it goes on, it ends its run and finds all others done.
BOOST_AUTO_TEST_CASE(a_stopped_process_loses_nothing_and_doubles_nothing) {
  const auto ended = shell(with_two_runs_kept() + "kill -STOP $pid; " + takes_over() +
                           " >of-second 2>&1; echo second $?; kill -CONT $pid; wait $pid; echo first $?");
  BOOST_TEST(ended.out == "second 0\nfirst 0\n", read_file(*this / "of-second"));
  BOOST_TEST((without_times(results_in(*this / "shared")) == alone()));
  BOOST_TEST(claims_left() == 0U);
}

BOOST_AUTO_TEST_CASE(an_interrupted_one_says_how_to_go_on) {
  const auto ended = shell(with_two_runs_kept() + "kill -TERM $pid; wait $pid");
  BOOST_TEST(ended.status == 143);
  const auto said = read_file(*this / "of-first");
  BOOST_TEST(said.find("the same command with --out shared --join goes on") != std::string::npos, said);
  BOOST_TEST(claims_left() == 0U);
  BOOST_TEST(shell(takes_over()).status == 0);
}

BOOST_AUTO_TEST_CASE(other_instructions_and_other_commands_are_refused) {
  BOOST_REQUIRE(
      shell(fmt::format("ONEDNN_MAX_CPU_ISA=SSE41 {} {} --join --out shared", keel_program(), small_study))
          .status == 0);
  const auto other = shell(takes_over());
  if (shell(keel_program() + " --version").out.find("sse41") == std::string::npos) {
    BOOST_TEST(other.status == 1);
    BOOST_TEST(
        other.err.find(
            "the processes that share 'shared' compute with the instruction set \"sse41\", this one with") !=
            std::string::npos,
        other.err);
    BOOST_TEST(other.err.find("ONEDNN_MAX_CPU_ISA") != std::string::npos, other.err);
  }
  const auto compare = keel("compare --join --out shared");
  BOOST_TEST(compare.status == 2);
  BOOST_TEST(compare.err.find("'shared' was begun by another command") != std::string::npos, compare.err);
  const auto full = keel("compare --join --out tiny");
  BOOST_TEST(full.status == 2);
  BOOST_TEST(full.err.find("'tiny' is not empty") != std::string::npos, full.err);
}

BOOST_AUTO_TEST_CASE(options_that_contradict_it_are_refused) {
  for (const auto& [options, sentence] :
       {std::pair{"--join", "what processes join in has to be named with --out"},
        {"--join --out a --resume", "leave --resume out"},
        {"--join --out a --force", "leave --force out"}}) {
    for (const char* command : {"compare", "batch-study", "study cost"}) {
      const auto refused = keel(fmt::format("{} {}", command, options));
      BOOST_TEST(refused.status == 2, command);
      BOOST_TEST(refused.err.find(sentence) != std::string::npos, refused.err);
    }
  }
  BOOST_TEST(!std::filesystem::exists(*this / "a"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
