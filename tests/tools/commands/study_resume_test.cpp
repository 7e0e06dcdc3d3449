// Studies that were interrupted or killed, and gone on with.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "../../support/check_refused.hpp"
#include "../../support/study_support.hpp"
#include "keel/tools/runs/workspace.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using tools::Json;

// 208 runs, none to choose rates by, one after the other long enough to be stopped in their midst.
constexpr auto command = "study learning-rate --seeds 4";

std::map<std::string, std::string> contents(const std::vector<fs::path>& files) {
  std::map<std::string, std::string> result;
  for (const auto& file : files) result[file.filename()] = read_file(file);
  return result;
}

struct Resumed : StudyFolder {
  [[nodiscard]] Json uninterrupted() const {
    BOOST_REQUIRE(keel(fmt::format("{} --out whole", command)).status == 0);
    return without_times(results_in(*this / "whole"));
  }

  // What was kept is used as it is, and the results are those of a run without interruption.
  void check_gone_on_with(const fs::path& folder, const std::string& arguments) const {
    BOOST_REQUIRE(!fs::exists(folder / "results.json"));
    const auto kept = contents(kept_runs(folder));
    BOOST_REQUIRE(kept.size() >= 4U);
    BOOST_REQUIRE(kept.size() < 208U);
    const auto finished = keel(fmt::format("{} --resume {}", command, arguments));
    BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
    const auto now = contents(kept_runs(folder));
    BOOST_TEST(now.size() == 208U);
    for (const auto& [name, content] : kept) BOOST_TEST((now.at(name) == content), name);
    BOOST_TEST((without_times(results_in(folder)) == uninterrupted()));
  }

  void check_refused(const std::string& arguments, const std::vector<std::string>& parts) const {
    test::check_refused(keel(arguments), parts);
  }
};

BOOST_FIXTURE_TEST_SUITE(study_resume, Resumed)

BOOST_AUTO_TEST_CASE(a_killed_study_goes_on_to_the_same_numbers) {
  const auto killed = stopped_keel(fmt::format("{} --out results", command), "results", "KILL");
  BOOST_TEST(killed.status == 128 + 9, killed.err);
  check_gone_on_with(*this / "results", "--out results");
}

// They would be taken for the new command's, should it be interrupted.
BOOST_AUTO_TEST_CASE(results_of_an_earlier_command_do_not_stay_where_another_is_forced_in) {
  for (const bool of_a_command : {true, false}) {
    const auto folder = *this / (of_a_command ? "earlier" : "other");
    fs::create_directories(folder);
    if (of_a_command) std::ofstream{folder / "command.json"} << R"({"command": "study"})";
    for (const char* name : {"results.json", "report.html", "runs.csv", "notes.txt"})
      std::ofstream{folder / name} << name;
    const tools::Workspace workspace{{.command = "study",
                                      .settings = {{"command", "study"}, {"seed", 2}},
                                      .out = folder.string(),
                                      .force = true,
                                      .resume = false}};
    for (const char* name : {"results.json", "report.html", "runs.csv"})
      BOOST_TEST(fs::exists(folder / name) == !of_a_command, name);
    BOOST_TEST(fs::exists(folder / "notes.txt"));
  }
}

BOOST_AUTO_TEST_CASE(an_interrupted_study_says_how_to_go_on_and_does) {
  const auto interrupted = stopped_keel(fmt::format("{} --out results", command), "results", "INT");
  BOOST_TEST(interrupted.status == 130, interrupted.err);
  const auto kept = kept_runs(*this / "results").size();
  BOOST_TEST(interrupted.err.find(fmt::format("interrupted; {} of 208 runs", kept)) != std::string::npos,
             interrupted.err);
  BOOST_TEST(interrupted.err.find("--out results --resume") != std::string::npos, interrupted.err);
  BOOST_TEST(interrupted.out.empty());
  check_gone_on_with(*this / "results", "--out results");
}

BOOST_AUTO_TEST_CASE(without_a_folder_the_last_one_of_the_same_command_is_gone_on_with) {
  const auto interrupted = stopped_keel(command, "runs/study-learning-rate-*", "INT");
  BOOST_TEST(interrupted.status == 130, interrupted.err);
  const auto folder = fs::directory_iterator {
    *this / "runs"
    } -> path();
  // Older ones of this command, and newer ones of others, are not meant.
  fs::create_directories(*this / "runs/study-learning-rate-20200101-000000");
  fs::copy_file(folder / "command.json", *this / "runs/study-learning-rate-20200101-000000/command.json");
  fs::create_directories(*this / "runs/study-learning-rate-29990101-000000");
  std::ofstream{*this / "runs/study-learning-rate-29990101-000000/command.json"} << R"({"command": "study"})";
  fs::create_directories(*this / "runs/study-learning-rate-29990102-000000");
  check_gone_on_with(folder, "");
}

BOOST_AUTO_TEST_CASE(a_finished_study_is_finished_again_without_a_run) {
  BOOST_REQUIRE(keel("study initialization --quick --seeds 2 --out results").status == 0);
  const auto before = results_in(*this / "results");
  const auto kept = contents(kept_runs(*this / "results"));
  BOOST_REQUIRE(keel("study initialization --quick --seeds 2 --out results --resume").status == 0);
  const auto after = results_in(*this / "results");
  BOOST_TEST((contents(kept_runs(*this / "results")) == kept));
  BOOST_TEST((before.at("runs") == after.at("runs")));  // with their times
}

BOOST_AUTO_TEST_CASE(a_run_file_that_was_spoilt_is_run_again) {
  BOOST_REQUIRE(keel("study initialization --quick --seeds 2 --out results").status == 0);
  const auto before = without_times(results_in(*this / "results"));
  const auto kept = kept_runs(*this / "results");
  fs::remove(kept[0]);
  fs::resize_file(kept[1], 100);
  std::ofstream{kept[2], std::ios::trunc} << "null";
  const auto finished = keel("study initialization --quick --seeds 2 --out results --resume");
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  BOOST_TEST((without_times(results_in(*this / "results")) == before));
}

BOOST_AUTO_TEST_CASE(other_data_of_the_same_name_are_not_mixed_with_the_kept_runs) {
  BOOST_REQUIRE(keel("study initialization --quick --seeds 2 --out results").status == 0);
  const auto before = results_in(*this / "results");
  fs::copy_file(*this / "tiny/t10k-labels-idx1-ubyte.gz", *this / "labels.gz");
  BOOST_REQUIRE(run_command("gunzip labels.gz && printf '\\4' | dd of=labels bs=1 seek=8 conv=notrunc &&"
                            " mv labels tiny/t10k-labels-idx1-ubyte",
                            *this / "")
                    .status == 0);
  BOOST_REQUIRE(keel("study initialization --quick --seeds 2 --out results --resume").status == 0);
  const auto after = results_in(*this / "results");
  BOOST_TEST(after.at("dataset").at("digest") != before.at("dataset").at("digest"));
  std::size_t compared = 0;
  for (std::size_t i = 0; i < before.at("runs").size(); ++i) {
    const auto& loss = before.at("runs").at(i).at("test_loss");  // null of a run that diverged
    BOOST_TEST((loss.is_null() || loss != after.at("runs").at(i).at("test_loss")));
    compared += loss.is_null() ? 0U : 1U;
  }
  BOOST_TEST(compared > 0U);
}

BOOST_AUTO_TEST_CASE(where_there_is_nothing_to_go_on_with_that_is_said) {
  check_refused(fmt::format("{} --resume", command), {"nothing to resume", "--out"});
  check_refused(fmt::format("{} --resume --out nowhere", command), {"nothing to resume", "nowhere"});
  BOOST_TEST(!fs::exists(*this / "nowhere"));
  fs::create_directory(*this / "empty");
  check_refused(fmt::format("{} --resume --out empty", command), {"nothing to resume", "empty"});
  std::ofstream{*this / "empty/command.json"} << "{";
  check_refused(fmt::format("{} --resume --out empty", command), {"empty"});
}

BOOST_AUTO_TEST_CASE(a_folder_of_another_command_is_not_gone_on_with) {
  BOOST_REQUIRE(keel("study initialization --quick --seeds 2 --out results").status == 0);
  const auto before = read_file(*this / "results/results.json");
  for (const char* other :
       {"study recurrent --quick --seeds 2", "study initialization --quick --seeds 3",
        "study initialization --seeds 2", "study initialization --quick --seeds 2 --seed 2",
        "study initialization --quick --seeds 2 --limit 100", "batch-study --seeds 2"})
    check_refused(fmt::format("{} --out results --resume", other), {"results", "another command"});
  BOOST_TEST(read_file(*this / "results/results.json") == before);
  BOOST_TEST(keel("study initialization --quick --seeds 2 --threads 1 --out results --resume").status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
