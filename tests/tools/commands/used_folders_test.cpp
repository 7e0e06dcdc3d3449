// Folders for results that something is in: gone on with, refused, or forced into.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>
#include <set>

#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;

constexpr auto comparison = "compare --seeds 20 --epochs 100 --learning-rate 0.01";

struct Used : StudyFolder {
  [[nodiscard]] std::set<std::string> names_in(const std::string& folder) const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(*this / folder)) names.insert(entry.path().filename());
    return names;
  }
};

BOOST_FIXTURE_TEST_SUITE(used_folders, Used)

BOOST_AUTO_TEST_CASE(an_interrupted_comparison_is_gone_on_with_to_the_same_numbers) {
  const auto ended = stopped_keel(fmt::format("{} --out results", comparison), "results", "INT");
  BOOST_TEST(ended.status == 130, ended.err);
  BOOST_TEST(ended.err.find("--out results --resume goes on") != std::string::npos, ended.err);
  std::map<std::string, std::string> kept;
  for (const auto& file : kept_runs(*this / "results")) kept[file.filename()] = read_file(file);
  BOOST_REQUIRE(kept.size() < 40U);
  const auto refused = keel(fmt::format("{} --out results", comparison));
  BOOST_TEST(refused.status == 2);
  BOOST_TEST(refused.err.find("--resume") != std::string::npos, refused.err);

  const auto resumed = keel(fmt::format("{} --out results --resume", comparison));
  BOOST_REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  for (const auto& [name, content] : kept)
    BOOST_TEST((read_file(*this / "results/runs" / name) == content), name);
  BOOST_REQUIRE(keel(fmt::format("{} --out whole", comparison)).status == 0);
  BOOST_TEST((without_times(results_in(*this / "results")) == without_times(results_in(*this / "whole"))));
}

BOOST_AUTO_TEST_CASE(a_killed_comparison_without_a_folder_is_gone_on_with) {
  const auto killed = stopped_keel(comparison, "runs/compare-*", "KILL");
  BOOST_TEST(killed.status == 137);
  const auto resumed = keel(fmt::format("{} --resume", comparison));
  BOOST_REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  BOOST_TEST(names_in("runs").size() == 1U);
  const auto other = keel("compare --seeds 21 --epochs 100 --learning-rate 0.01 --resume");
  BOOST_TEST(other.status == 2);
  BOOST_TEST(other.err.find("nothing to resume") != std::string::npos, other.err);
}

BOOST_AUTO_TEST_CASE(a_used_folder_says_what_one_can_do) {
  constexpr auto small = "compare --seeds 2 --learning-rate 0.1";
  BOOST_REQUIRE(keel(fmt::format("{} --out results", small)).status == 0);
  const auto same = keel(fmt::format("{} --out results", small));
  BOOST_TEST(same.status == 2);
  BOOST_TEST(
      same.err.find("'results' holds what the same command began: pass --resume to go on with it, or --force "
                    "to begin anew") != std::string::npos,
      same.err);
  const auto another = keel("compare --seeds 3 --out results");
  BOOST_TEST(another.status == 2);
  BOOST_TEST(another.err.find("holds the results of another command") != std::string::npos, another.err);
  BOOST_TEST(another.err.find("--resume") == std::string::npos, another.err);
  BOOST_TEST(keel(fmt::format("{} --out results --resume", small)).status == 0);
  BOOST_TEST(keel(fmt::format("{} --out results --force", small)).status == 0);
}

BOOST_AUTO_TEST_CASE(another_command_that_is_forced_in_leaves_no_mixture) {
  constexpr auto study = "study initialization --quick --seeds 2 --out used --force";
  constexpr auto compare = "compare --learning-rate 0.1 --out used --force";
  fs::create_directory(*this / "used");
  for (const auto* name : {"used/mine", "used/notes.json"}) std::ofstream{*this / name} << "mine";
  BOOST_REQUIRE(keel(compare).status == 0);
  const std::set<std::string> of_compare{"mine", "notes.json", "command.json", "results.json", "runs"};
  BOOST_TEST((names_in("used") == of_compare));
  BOOST_REQUIRE(keel(study).status == 0);
  BOOST_TEST(kept_runs(*this / "used").size() == results_in(*this / "used").at("runs").size());
  BOOST_REQUIRE(keel(compare).status == 0);
  BOOST_TEST((names_in("used") == of_compare));
  BOOST_TEST(kept_runs(*this / "used").size() == 2U);
  BOOST_REQUIRE(run_keel("graph --out used --force", *this / "").status == 0);
  for (const auto* gone : {"command.json", "results.json", "runs"})
    BOOST_TEST(!names_in("used").contains(gone), gone);
  BOOST_REQUIRE(keel(compare).status == 0);
  BOOST_TEST((names_in("used") == of_compare));
}

BOOST_AUTO_TEST_CASE(a_trained_network_is_not_forced_away) {
  fs::create_directories(*this / "trained/checkpoints");
  const auto refused = keel("compare --learning-rate 0.1 --out trained --force");
  BOOST_TEST(refused.status == 2);
  BOOST_TEST(refused.err.find("holds a trained network") != std::string::npos, refused.err);
  BOOST_TEST(names_in("trained").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_strangers_network_is_not_forced_away) {
  fs::create_directory(*this / "theirs");
  std::ofstream{*this / "theirs/model.safetensors"} << "theirs";
  const auto refused = keel("train --epochs 1 --out theirs --force");
  BOOST_TEST(refused.status == 2);
  BOOST_TEST(refused.err.find("which no command of keel's left there") != std::string::npos, refused.err);
  BOOST_TEST(read_file(*this / "theirs/model.safetensors") == "theirs");
}

BOOST_AUTO_TEST_CASE(a_damaged_record_of_the_command_is_told) {
  BOOST_REQUIRE(keel("compare --learning-rate 0.1 --out used").status == 0);
  std::ofstream{*this / "used/command.json"} << "{";
  const auto refused = keel("compare --learning-rate 0.1 --out used --resume");
  BOOST_TEST(refused.status == 2);
  BOOST_TEST(refused.err.find("its 'command.json' is damaged") != std::string::npos, refused.err);
}

BOOST_AUTO_TEST_CASE(a_folder_needs_a_name) {
  for (const char* command :
       {"compare --out ''", "train --out ''", "graph --out ''", "data info --sheet ''"}) {
    const auto refused = run_keel(command, *this / "");
    BOOST_TEST(refused.status == 2, command);
    BOOST_TEST(refused.err.find("takes a name, not ''") != std::string::npos, refused.err);
  }
}

// After hours of training the names of files are no reason to fail.
BOOST_AUTO_TEST_CASE(folders_may_have_any_name) {
  const auto finished = run_command(
      fmt::format(
          "'{}' compare --data tiny --quiet --learning-rate 0.1 --out \"$(printf 'a\\377')\" &&"
          " '{}' study initialization --quick --seeds 2 --data tiny --quiet --out \"$(printf 'b\\377')\"",
          std::getenv("KEEL_PROGRAM"), std::getenv("KEEL_PROGRAM")),
      *this / "");
  BOOST_TEST(finished.status == 0, finished.err);
  const auto lines = run_command(
      fmt::format("'{}' data info --data \"$(printf 'a\\nb\\033[1m')\"", std::getenv("KEEL_PROGRAM")),
      *this / "");
  BOOST_TEST(lines.status == 3);
  BOOST_TEST(lines.err.starts_with("keel: 'a\\x0ab\\x1b[1m' does not exist"), lines.err);
  const auto long_name = keel("compare --out " + std::string(300, 'x'));
  BOOST_TEST(long_name.status == 1, long_name.err);
  BOOST_TEST(long_name.err.find("can't be made: File name too long") != std::string::npos, long_name.err);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
