// Standard output and standard error that are full, closed or a pipe that nobody reads from.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "../../support/process.hpp"
#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;

constexpr auto small_comparison = "compare --data tiny --epochs 1 --learning-rate 0.1 --momentum 0 --quiet";

struct Outputs : StudyFolder {
  // The program with what the shell is to do with its output; what else the shell says comes as its output.
  [[nodiscard]] Finished shell(const std::string& arguments, const std::string& redirection) const {
    return run_command(fmt::format("'{}' {} {}", std::getenv("KEEL_PROGRAM"), arguments, redirection),
                       *this / "");
  }
  void check_told(const std::string& arguments, const std::string& redirection, const char* says) const {
    const auto finished = shell(arguments, redirection);
    BOOST_TEST(finished.status == 1, arguments << redirection << ": " << finished.status);
    BOOST_TEST(finished.err.starts_with("keel: standard output"), arguments << ": " << finished.err);
    BOOST_TEST(finished.err.find(says) != std::string::npos, arguments << ": " << finished.err);
    BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, arguments << ": " << finished.err);
  }
};

BOOST_FIXTURE_TEST_SUITE(lost_output, Outputs)

BOOST_AUTO_TEST_CASE(a_full_or_closed_standard_output_is_told_by_every_command) {
  for (const auto* arguments :
       {"--help", "-h", "--version", "compare --help", "data info --data tiny",
        "bench --model bn --batch-size 32 --repeats 1 --threads 1", "bench --profile bn --threads 1"}) {
    check_told(arguments, ">/dev/full", "can't be written: No space left on device");
    check_told(arguments, ">&-", "is closed");
  }
  for (const auto* arguments : {small_comparison, "graph", "data digits"}) {
    check_told(fmt::format("{} --out full", arguments), ">/dev/full", "No space left");
    check_told(fmt::format("{} --out closed", arguments), ">&-", "is closed");
    for (const auto* folder : {"full", "closed"}) {
      BOOST_TEST(!fs::is_empty(*this / folder), arguments);
      fs::remove_all(*this / folder);
    }
  }
}

// What goes into files is there all the same.
BOOST_AUTO_TEST_CASE(a_study_whose_table_is_lost_has_its_report) {
  check_told("study initialization --quick --seeds 2 --quiet --data tiny --out results", ">/dev/full",
             "No space");
  for (const auto* name : {"results.json", "runs.csv", "report.html"})
    BOOST_TEST(fs::exists(*this / "results" / name), name);
  check_told("report results", ">&-", "is closed");
}

// As other programs end there, which say nothing: by SIGPIPE.
BOOST_AUTO_TEST_CASE(a_pipe_that_nobody_reads_from_ends_the_program_as_it_ends_others) {
  const auto unread = [&](const std::string& arguments, const char* before) {
    return run_command(fmt::format("rm -f gone; ( {} while [ ! -e gone ]; do sleep 0.01; done; '{}' {} 2>err;"
                                   " echo $? >status ) | {{ exec <&-; touch gone; }}; cat status err",
                                   before, std::getenv("KEEL_PROGRAM"), arguments),
                       *this / "");
  };
  for (const auto* arguments : {"--help", "--version", "data info --data tiny"})
    BOOST_TEST(unread(arguments, "").out == "141\n", arguments);
  const auto comparison = fmt::format("{} --out results", small_comparison);
  BOOST_TEST(unread(comparison, "").out == "141\n");
  BOOST_TEST(results_in(*this / "results").at("runs").size() == 2U);
  BOOST_TEST(unread("--version", "trap '' PIPE;").out ==
             "1\nkeel: standard output can't be written: Broken pipe\n");
}

BOOST_AUTO_TEST_CASE(a_log_that_cannot_be_written_ends_no_run) {
  const auto loud = std::string{"compare --data tiny --epochs 2 --learning-rate 0.1 --momentum 0"};
  for (const auto* redirection : {"2>/dev/full", "2>&-", "2> >(exit)"}) {
    const auto finished = run_command(
        fmt::format("bash -c \"'{}' {} --out results {}\"", std::getenv("KEEL_PROGRAM"), loud, redirection),
        *this / "");
    BOOST_TEST(finished.status == 0, redirection);
    BOOST_TEST(finished.out.find("validation accuracy") != std::string::npos, redirection);
    BOOST_TEST(results_in(*this / "results").at("runs").size() == 2U);
    fs::remove_all(*this / "results");
  }
  const auto study = shell("study initialization --quick --seeds 2 --data tiny --out results", "2>/dev/full");
  BOOST_TEST(study.status == 0);
  BOOST_TEST(shell("nonsense", "2>/dev/full").status == 2);
  BOOST_TEST(shell("data info --data nowhere", "2>&-").status == 3);
}

// Else a file of the program's own would become its standard output, and the table be written into it.
BOOST_AUTO_TEST_CASE(closed_descriptors_are_not_taken_by_files) {
  const auto finished = shell(fmt::format("{} --out results", small_comparison), "<&- >&- 2>&-");
  BOOST_TEST(finished.status == 1);
  const auto results = results_in(*this / "results");
  BOOST_TEST(results.at("runs").size() == 2U);
  for (const auto& entry : fs::recursive_directory_iterator(*this / "results")) {
    if (!entry.is_regular_file()) continue;
    const auto content = read_file(entry.path());
    BOOST_TEST(content.starts_with('{'), entry.path());
    BOOST_TEST(content.find("final") == std::string::npos, entry.path());
  }
}

// Nodes of the test's own, like /dev/full and /dev/null: root could replace them by files.
BOOST_AUTO_TEST_CASE(devices_that_a_file_is_written_to_stay_what_they_are) {
  if (run_command("mknod full c 1 7 && mknod null c 1 3 && ln -s null link", *this / "").status != 0) {
    BOOST_TEST_MESSAGE("devices can't be made here: not tested");
    return;
  }
  constexpr auto bench = "bench --model bn --batch-size 32 --repeats 1 --threads 1 --json";
  const auto full = run_keel(fmt::format("{} full", bench), *this / "");
  BOOST_TEST(full.status == 1);
  BOOST_TEST(full.err.find("'full' can't be written: No space left on device") != std::string::npos,
             full.err);
  for (const auto* name : {"null", "link"})
    BOOST_TEST(run_keel(fmt::format("{} {}", bench, name), *this / "").status == 0, name);
  BOOST_REQUIRE(
      run_command("mkdir out && mv full out/results.json && echo '{\"command\": 1}' >out/command.json &&"
                  " ln -s ../null out/recorded.svg",
                  *this / "")
          .status == 0);
  const auto compared = shell(fmt::format("{} --out out --force", small_comparison), "");
  BOOST_TEST(compared.status == 1);
  BOOST_TEST(compared.err.find("'out/results.json' can't be written: No space") != std::string::npos,
             compared.err);
  BOOST_TEST(run_keel("graph --out out --force", *this / "").status == 0);
  for (const auto* name : {"null", "out/results.json"}) BOOST_TEST(fs::is_character_file(*this / name), name);
  BOOST_TEST(fs::is_symlink(*this / "link"));
  BOOST_TEST(fs::is_symlink(*this / "out/recorded.svg"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
