// What ends a program from outside: signals, and limits of what it may use.

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;

constexpr auto long_comparison = "compare --seeds 20 --epochs 150 --learning-rate 0.01";

struct Ended : StudyFolder {
  [[nodiscard]] Finished shell(const std::string& line) const { return run_command(line, *this / ""); }
  [[nodiscard]] std::string program() const { return std::getenv("KEEL_PROGRAM"); }
};

BOOST_FIXTURE_TEST_SUITE(ended_by_signals, Ended)

BOOST_AUTO_TEST_CASE(signals_of_batch_systems_end_a_command_as_ctrl_c_does) {
  for (const auto& [signal, status] :
       {std::pair{"INT", 130}, {"TERM", 143}, {"HUP", 129}, {"XCPU", 128 + SIGXCPU}}) {
    const auto ended = stopped_keel(fmt::format("{} --out {}", long_comparison, signal), signal, signal);
    BOOST_TEST(ended.status == status, signal << ": " << ended.err);
    const auto kept = kept_runs(*this / signal).size();
    BOOST_TEST(
        ended.err.find(fmt::format("interrupted; {} of 40 runs were finished and are kept: the same command "
                                   "with --out {} --resume goes on",
                                   kept, signal)) != std::string::npos,
        ended.err);
    BOOST_TEST(results_in(*this / signal).at("runs").size() == kept);
  }
  const auto study = stopped_keel("study regularization --quick --seeds 6 --out study", "study", "TERM");
  BOOST_TEST(study.status == 143, study.err);
  BOOST_TEST(study.err.find("--out study --resume goes on") != std::string::npos, study.err);
}

BOOST_AUTO_TEST_CASE(what_was_started_to_outlive_its_terminal_does) {
  const auto finished = shell(fmt::format(
      "trap '' HUP; '{}' compare --data tiny --seeds 3 --learning-rate 0.1 --quiet --out results & pid=$!;"
      "kill -HUP $pid; wait $pid",
      program()));
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(results_in(*this / "results").at("runs").size() == 6U);
}

// Nothing that it does could be gone on with.
BOOST_AUTO_TEST_CASE(a_command_that_heeds_no_signal_ends_at_once) {
  for (const auto& [signal, status] : {std::pair{"INT", 130}, {"TERM", 143}}) {
    const auto finished = shell(fmt::format(
        "'{}' bench --profile wide-bn --batch-size 2048 --threads 1 >out 2>err & pid=$!; sleep 0.5;"
        "kill -{} $pid; wait $pid",
        program(), signal));
    BOOST_TEST(finished.status == status, signal);
    BOOST_TEST(read_file(*this / "out").empty());
  }
}

BOOST_AUTO_TEST_CASE(a_benchmark_keeps_the_cases_that_it_has) {
  const auto finished = shell(fmt::format(
      "'{}' bench --model plain --repeats 20 --threads 1 --json bench.json >out 2>err & pid=$!;"
      "while [ $(cat out 2>/dev/null | grep -c '^plain') -lt 2 ]; do sleep 0.01; done; kill -TERM $pid; wait $pid",
      program()));
  BOOST_TEST(finished.status == 143);
  BOOST_TEST(read_file(*this / "err").find("cases were measured") != std::string::npos);
  const auto cases = tools::Json::parse(read_file(*this / "bench.json")).at("cases").size();
  BOOST_TEST(cases >= 2U);
}

// `timeout` signals its child and then the child's group.
BOOST_AUTO_TEST_CASE(two_signals_at_once_are_one) {
  for (int i = 0; i < 5; ++i) {
    const auto out = fmt::format("twice{}", i);
    const auto ended =
        shell(fmt::format("'{}' train --data tiny --epochs 100000 --threads 1 --quiet --out {} & pid=$!;"
                          "for i in $(seq 6000); do [ ! -s {}/metrics.jsonl ] || break; sleep 0.01; done;"
                          "kill -TERM $pid; kill -TERM $pid; wait $pid",
                          program(), out, out));
    BOOST_TEST(ended.status == 143, ended.err);
    BOOST_TEST(ended.err.find("interrupted after") != std::string::npos, ended.err);
    BOOST_TEST(!std::filesystem::is_empty(*this / (out + "/checkpoints")));
  }
}

// SIGXFSZ would end the program otherwise.
BOOST_AUTO_TEST_CASE(a_limit_on_the_size_of_files_gets_a_sentence) {
  const auto limited = shell(fmt::format("prlimit --fsize=2000 '{}' {} --data tiny --quiet --out results",
                                         program(), long_comparison));
  BOOST_TEST(limited.status == 1, limited.err);
  BOOST_TEST(limited.err.find("can't be written: File too large") != std::string::npos, limited.err);
  const auto table = shell(fmt::format("prlimit --fsize=100 '{}' --help >big", program()));
  BOOST_TEST(table.status == 1, table.err);
  BOOST_TEST(table.err.find("standard output can't be written: File too large") != std::string::npos,
             table.err);
}

#ifndef __SANITIZE_ADDRESS__
// From not enough for the data to almost enough.
BOOST_AUTO_TEST_CASE(too_little_memory_gets_a_sentence_wherever_it_ends) {
  for (int megabytes = 100; megabytes <= 300; megabytes += 20) {
    const auto finished = shell(fmt::format(
        "prlimit --as={} '{}' study initialization --quick --seeds 1 --data tiny --quiet --out results "
        "--threads 2 --force",
        megabytes * 1'000'000, program()));
    BOOST_TEST((finished.status == 0 || finished.status == 1), megabytes << ": " << finished.status);
    if (finished.status == 1) BOOST_TEST(finished.err.find("keel: ") != std::string::npos, finished.err);
    if (finished.status == 1) BOOST_TEST(finished.err.find("memory") != std::string::npos, finished.err);
  }
}
#endif

// A limit on processes does not hold for root, so that it is another's.
BOOST_AUTO_TEST_CASE(threads_that_cannot_be_had_are_told_and_done_without) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("only root can become another user: not tested");
    return;
  }
  BOOST_REQUIRE(shell("chmod 755 . && mkdir -m 777 open && chmod -R a+rX tiny").status == 0);
  const auto as_another = [&](int processes, const std::string& arguments) {
    return shell(
        // Under a sanitizer: what looks for leaks at the end is a process of its own.
        fmt::format(
            "cp '{}' open/keel && cd open && export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 && setpriv --reuid 64123 --clear-groups prlimit --nproc={} "
            "./keel {}",
            program(), processes, arguments));
  };
  const auto finished =
      as_another(2, "compare --data ../tiny --seeds 4 --threads 4 --learning-rate 0.1 --quiet --out results");
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(
      finished.err.find("of 4 threads for runs side by side the system gave only 1") != std::string::npos,
      finished.err);
  const auto bench = as_another(2, "bench --model bn --batch-size 32 --repeats 1 --threads 4");
  BOOST_TEST(bench.status == 1, bench.err);
  BOOST_TEST(
      bench.err.find("of the 4 threads that were asked for the system gives only 1") != std::string::npos,
      bench.err);
  const auto none = as_another(1, "data info");
  BOOST_TEST(none.status == 0, none.err);
  BOOST_TEST(none.err.find("no thread can be had to wait for it") != std::string::npos, none.err);
}

BOOST_AUTO_TEST_CASE(a_folder_for_temporary_files_is_not_needed) {
  for (const auto* command : {"study initialization --quick --seeds 2 --quiet --data tiny", "graph",
                              "compare --data tiny --quiet --learning-rate 0.1"}) {
    const auto finished = shell(fmt::format("TMPDIR=/nowhere '{}' {} --out results", program(), command));
    BOOST_TEST(finished.status == 0, command << ": " << finished.err);
    fs::remove_all(*this / "results");
  }
}

BOOST_AUTO_TEST_CASE(temporary_files_of_a_killed_command_are_removed_by_the_next) {
  const auto killed = stopped_keel(fmt::format("{} --out results", long_comparison), "results", "KILL");
  BOOST_TEST(killed.status == 137);
  for (const auto* name :
       {"results/.results.json.keel-99999999-1", "results/runs/.plain-seed-1.json.keel-1-7"})
    BOOST_REQUIRE(shell(fmt::format(": > {}", name)).status == 0);
  BOOST_REQUIRE(keel(fmt::format("{} --out results --resume", long_comparison)).status == 0);
  const auto left = shell("find . -name '.*.keel-*'");
  BOOST_TEST(left.out.empty(), left.out);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
