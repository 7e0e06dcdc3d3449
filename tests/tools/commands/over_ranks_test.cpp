// Commands that mpirun starts as several ranks: they share the runs, and what comes of it is what one
// process comes to.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>

#include "../../support/mpirun.hpp"
#include "../../support/study_support.hpp"
#include "keel/tools/commands/rank_processors.hpp"

namespace keel::test {
namespace {

constexpr auto ranked_study = "study initialization --quick --seeds 2 --data tiny --threads 1";

std::size_t times_in(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

struct OverRanks : StudyFolder {
  [[nodiscard]] Finished shell(const std::string& line) const {
    return run_command(mpirun_environment + line, *this / "");
  }
  [[nodiscard]] std::string keel_program() const { return fmt::format("'{}'", std::getenv("KEEL_PROGRAM")); }
  [[nodiscard]] std::string over(int ranks, const std::string& arguments) const {
    return fmt::format("mpirun -n {} {} {}", ranks, keel_program(), arguments);
  }

  // Of two ranks the second in a folder of its own, with the data.
  [[nodiscard]] std::string from_two_folders(const std::string& arguments) const {
    return fmt::format(
        "mkdir sub; ln -s ../tiny sub/tiny; "
        "mpirun -n 1 {0} {1} : -n 1 sh -c 'cd sub && exec \"$0\" {1}' {0}",
        keel_program(), arguments);
  }

  // Of the runs that these lines say are done.
  [[nodiscard]] std::string runs_told_twice(const std::string& lines) const {
    std::ofstream{*this / "lines"} << lines;
    const auto told = shell("sed -n 's/ done.*//p' lines | sort >told; uniq -d told; test -s told");
    return told.status == 0 ? told.out : "none at all";
  }

  [[nodiscard]] tools::Json of_one_process(const std::string& arguments) const {
    BOOST_REQUIRE(shell(fmt::format("{} {} --quiet --out alone", keel_program(), arguments)).status == 0);
    return without_times(results_in(*this / "alone"));
  }

  [[nodiscard]] tools::Json of_all_ranks() const { return without_times(results_in(*this / "shared")); }

  // By default, on one host.
  [[nodiscard]] static int threads_of_one_of_two() {
    const tools::RankProcessors own{"here", tools::own_processors()};
    return tools::threads_beside(std::vector{own, own}, 0);
  }

  // Nothing but results, by which other processes or ranks would be held up.
  void expect_no_traces() const {
    for (const auto* folder : {"shared", "shared/runs"})
      for (const auto& entry : std::filesystem::directory_iterator{*this / folder})
        BOOST_TEST(!entry.path().filename().string().starts_with('.'), entry.path().string());
  }

  // Two ranks in the background, with the number of mpirun in $pid and of the second rank in $second, of
  // which two runs are kept.
  [[nodiscard]] std::string with_two_runs_kept() const {
    return fmt::format(
        "mpirun -n 1 {0} {1} --out shared : "
        "-n 1 sh -c 'echo $$ >number; exec \"$0\" {1} --out shared' {0} >out 2>err & pid=$!; "
        "for i in $(seq 6000); do"
        " [ $(ls shared/runs 2>/dev/null | wc -l) -lt 2 ] || break; sleep 0.01; done; "
        "second=$(cat number);",
        keel_program(), ranked_study);
  }
};

BOOST_FIXTURE_TEST_SUITE(over_ranks, OverRanks, *boost::unit_test::precondition(can_start_ranks))

BOOST_AUTO_TEST_CASE(ranks_give_the_bits_of_one_process_and_the_first_alone_prints) {
  const auto alone = of_one_process(ranked_study);
  for (const int ranks : {2, 3}) {
    const auto ended = shell("rm -rf shared; " + over(ranks, fmt::format("{} --out shared", ranked_study)));
    BOOST_TEST(ended.status == 0, ended.err);
    BOOST_TEST((of_all_ranks() == alone), ranks);
    BOOST_TEST(times_in(ended.out, "report: shared/report.html") == 1U, ended.out);
    BOOST_TEST(times_in(ended.err, fmt::format(" threads of {} ranks, about ", ranks)) == 1U, ended.err);
    BOOST_TEST(runs_told_twice(ended.err) == "", ended.err);
    expect_no_traces();
  }
}

BOOST_AUTO_TEST_CASE(without_out_all_take_the_folder_of_the_first) {
  const auto ended = shell(over(2, std::string{ranked_study} + " --quiet") + " && ls runs | wc -l");
  BOOST_TEST(ended.status == 0, ended.err);
  BOOST_TEST(ended.out.ends_with("report.html\n1\n"), ended.out);
  BOOST_TEST(ended.err == "");
}

BOOST_AUTO_TEST_CASE(compare_batch_study_and_several_data_sets_are_shared_too) {
  for (const std::string command :
       {"compare --seeds 2 --epochs 2 --data tiny", "batch-study --seeds 2 --epochs 2 --data tiny"}) {
    const auto alone = of_one_process(command);
    const auto ended = shell(over(2, command + " --quiet --out shared"));
    BOOST_TEST(ended.status == 0, ended.err);
    BOOST_TEST(ended.err == "", command);
    BOOST_TEST(times_in(ended.out, "results: shared/results.json") == 1U, ended.out);
    BOOST_TEST((of_all_ranks() == alone), command);
    BOOST_TEST(results_in(*this / "shared").at("threads") == threads_of_one_of_two(), command);
    std::filesystem::remove_all(*this / "alone");
    std::filesystem::remove_all(*this / "shared");
  }
  const auto both =
      shell("cp -r tiny other; " + over(2, std::string{ranked_study} + " --data other --quiet --out both"));
  BOOST_TEST(both.status == 0, both.err);
  BOOST_TEST(times_in(both.out, "report: both/report.html") == 1U, both.out);
  BOOST_TEST((without_times(results_in(*this / "both/tiny")) == of_one_process(ranked_study)));
}

BOOST_AUTO_TEST_CASE(runs_that_measure_time_are_shared_too) {
  const std::string command = "study inference --quick --seeds 1 --data tiny --quiet";
  const auto alone = of_one_process(command);
  const auto ended = shell(over(2, command + " --out shared"));
  BOOST_TEST(ended.status == 0, ended.err);
  BOOST_TEST(of_all_ranks().at("runs").size() == alone.at("runs").size());
}

BOOST_AUTO_TEST_CASE(folders_are_used_as_by_one_process) {
  const auto command = fmt::format("{} --quiet --out shared", ranked_study);
  BOOST_REQUIRE(shell(over(2, command)).status == 0);
  const auto again = shell(over(2, command));
  BOOST_TEST(again.status == 2);
  BOOST_TEST(times_in(again.err, "keel: ") == 1U, again.err);
  BOOST_TEST(times_in(again.err, "'shared' holds what the same command began") == 1U, again.err);
  for (const char* option : {"--force", "--resume", "--join"}) {
    const auto ended = shell(over(2, fmt::format("{} {}", command, option)));
    BOOST_TEST(ended.status == 0, option << ": " << ended.err);
  }
}

BOOST_AUTO_TEST_CASE(where_a_rank_is_started_does_not_matter) {
  const auto command = fmt::format("{} --quiet --out shared", ranked_study);
  const auto ended = shell(from_two_folders(command));
  BOOST_TEST(ended.status == 0, ended.err);
  BOOST_TEST((of_all_ranks() == of_one_process(ranked_study)));
  BOOST_TEST(!std::filesystem::exists(*this / "sub/shared"));
}

BOOST_AUTO_TEST_CASE(a_folder_that_not_all_ranks_see_is_refused) {
  // The same name of another folder, as on a host of its own.
  const auto ended = shell(from_two_folders(fmt::format("{} --out /proc/self/cwd/shared", ranked_study)));
  BOOST_TEST(ended.status == 2);
  BOOST_TEST(times_in(ended.err, "keel: ") == 1U, ended.err);
  BOOST_TEST(ended.err.find("keel: rank 1 on ") != std::string::npos, ended.err);
  BOOST_TEST(
      ended.err.find("is not seen here: name a folder with --out that all hosts see") != std::string::npos,
      ended.err);
  for (const auto* folder : {"shared", "sub/shared"})
    BOOST_TEST(!std::filesystem::exists(*this / folder), folder);
}

BOOST_AUTO_TEST_CASE(what_all_ranks_can_not_do_is_said_once) {
  for (const auto& [arguments, status, sentence] :
       {std::tuple{"study cost --data missing --out a", 3, "'missing'"},
        {"compare --data tiny --join", 2, "what processes join in has to be named with --out"},
        {"study cost --data tiny --data tiny --resume", 2, "what is to be resumed of several data sets"}}) {
    const auto ended = shell(over(3, arguments));
    BOOST_TEST(ended.status == status, arguments);
    BOOST_TEST(times_in(ended.err, "keel: ") == 1U, ended.err);
    BOOST_TEST(ended.err.find(sentence) != std::string::npos, ended.err);
  }
  BOOST_TEST(!std::filesystem::exists(*this / "a"));
}

BOOST_AUTO_TEST_CASE(other_commands_and_other_instructions_are_refused) {
  const auto two = [&](const std::string& first, const std::string& second) {
    return shell(fmt::format("mpirun -n 1 {} : -n 1 {}", first, second));
  };
  const auto study = fmt::format("{} {} --out shared", keel_program(), ranked_study);
  const auto other = two(study, study + " --seed 2");
  BOOST_TEST(other.status == 2);
  BOOST_TEST(times_in(other.err, "keel: ") == 1U, other.err);
  BOOST_TEST(
      other.err.find("keel: the ranks were started by different commands, rank 0 on ") != std::string::npos,
      other.err);
  BOOST_TEST(other.err.find("--out shared --seed 2'") != std::string::npos, other.err);
  if (shell(keel_program() + " --version").out.find("sse41") == std::string::npos) {
    const auto less = two(study, "env ONEDNN_MAX_CPU_ISA=SSE41 " + study);
    BOOST_TEST(less.status == 2);
    BOOST_TEST(times_in(less.err, "keel: ") == 1U, less.err);
    BOOST_TEST(less.err.find("start all with ONEDNN_MAX_CPU_ISA set to") != std::string::npos, less.err);
  }
  BOOST_TEST(!std::filesystem::exists(*this / "shared"));
}

// Each would think that it is alone.
BOOST_AUTO_TEST_CASE(ranks_of_another_mpi_are_refused) {
  const auto alone = shell(fmt::format("PMI_SIZE=2 {} compare --data tiny --out shared", keel_program()));
  BOOST_TEST(alone.status == 1);
  BOOST_TEST(alone.err.find("by another MPI than that of keel's module") != std::string::npos, alone.err);
  BOOST_TEST(!std::filesystem::exists(*this / "shared"));
}

BOOST_AUTO_TEST_CASE(a_killed_rank_ends_all_and_resuming_does_what_is_left) {
  // Runs that are kept, with the times at which they were written: what is done again has another.
  const std::string list = "ls -l --time-style=+%s.%N shared/runs/*.json";
  const auto killed =
      shell(with_two_runs_kept() + "kill -KILL $second; wait $pid; echo $?; " + list + " >before");
  BOOST_TEST(killed.out != "0\n");
  BOOST_TEST(!std::filesystem::exists(*this / "shared/results.json"), read_file(*this / "err"));
  const auto resumed = shell(over(2, fmt::format("{} --quiet --out shared --resume", ranked_study)) +
                             " >out; echo $?; " + list + " >after; grep -vxFf after before");
  BOOST_TEST(resumed.out == "0\n", resumed.err);
  BOOST_TEST(read_file(*this / "before") != "");
  BOOST_TEST((of_all_ranks() == of_one_process(ranked_study)));
  expect_no_traces();
}

BOOST_AUTO_TEST_CASE(ranks_that_are_interrupted_keep_what_is_finished) {
  const auto ended = shell(with_two_runs_kept() + "kill -TERM $pid; wait $pid; echo $?");
  BOOST_TEST(ended.out != "0\n");
  BOOST_TEST(shell(over(2, fmt::format("{} --quiet --out shared --resume", ranked_study))).status == 0);
  BOOST_TEST((of_all_ranks() == of_one_process(ranked_study)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
