// What the README says is true: its commands run, and its program is the one that is built.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "../support/is_plain.hpp"
#include "../support/mpirun.hpp"
#include "../support/process.hpp"
#include "keel/tools/findings/effect_text.hpp"
#include "keel/tools/findings/finding_json.hpp"
#include "keel/tools/report/report.hpp"
#include "keel/tools/runs/judgement.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

// The contents of the README's fenced blocks of one language.
std::vector<std::string> blocks(const std::string& language) {
  std::istringstream readme{read_file(source_root() / "README.md")};
  std::vector<std::string> result;
  bool inside = false;
  for (std::string line; std::getline(readme, line);) {
    if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      result.back() += line + '\n';
    } else if (line == "```" + language) {
      inside = true;
      result.emplace_back();
    }
  }
  return result;
}

std::vector<std::string> commands() {
  std::vector<std::string> result;
  for (const auto& block : blocks("sh")) {
    std::istringstream lines{block};
    for (std::string line; std::getline(lines, line);) result.push_back(line);
  }
  return result;
}

BOOST_AUTO_TEST_SUITE(readme)

BOOST_AUTO_TEST_CASE(every_keel_command_runs_as_printed) {
  const TemporaryFolder folder;
  const auto cache = folder.path() / "cache";
  const char* mnist = std::getenv("KEEL_MNIST_DIR");
  const bool ranks = static_cast<bool>(can_start_ranks({}));
  std::size_t run = 0;
  for (auto command : commands()) {
    constexpr std::string_view program = "build/tools/keel ";
    const auto place = command.find(program);
    if (place != 0 && !command.starts_with("mpirun ")) continue;
    if (place != 0 && !ranks) continue;
    const auto launcher = command.substr(0, place);
    command = command.substr(place + program.size());
    if (command.find("mnist") != std::string::npos) {
      if (mnist == nullptr) continue;
      // The files come from a folder, not from the network; all else is as printed.
      if (command == "data mnist") command += fmt::format(" --url 'file://{}'", mnist);
    }
    // Studies are run as printed, but on few images.
    if (command.starts_with("study") || command.starts_with("batch-study")) command += " --limit 640";
    const auto finished =
        run_command(fmt::format("{}XDG_CACHE_HOME='{}' {} '{}' {}", mpirun_environment, cache.string(),
                                launcher, std::getenv("KEEL_PROGRAM"), command),
                    folder.path());
    BOOST_TEST(finished.status == 0, command << ": " << finished.err);
    ++run;
  }
  BOOST_TEST(run >= (mnist == nullptr ? 9U : 11U) + (ranks ? 2U : 0U));
}

// tools/check runs this test, and CI runs all the scripts; here it is enough that they are there and explain
// themselves.
BOOST_AUTO_TEST_CASE(every_other_command_is_a_script_that_can_be_run) {
  std::size_t seen = 0;
  for (const auto& command : commands()) {
    if (!command.starts_with("tools/")) continue;
    ++seen;
    BOOST_TEST(run_command(fmt::format("test -x '{}'", command), source_root()).status == 0, command);
  }
  BOOST_TEST(seen == 3U);
}

BOOST_AUTO_TEST_CASE(its_program_is_the_one_that_is_built) {
  const auto programs = blocks("cpp");
  BOOST_REQUIRE(!programs.empty());
  BOOST_TEST(programs[0] == read_file(source_root() / "tools/examples/classifier.cpp"));
}

// Line by line, under an indentation of its own.
BOOST_AUTO_TEST_CASE(each_of_its_pieces_of_code_stands_in_an_example) {
  std::string examples;
  for (const auto& entry : std::filesystem::directory_iterator(source_root() / "tools/examples"))
    examples += '\n' + read_file(entry.path());
  const auto pieces = blocks("cpp");
  BOOST_TEST(pieces.size() > 1U);
  for (const auto& piece : pieces) {
    const auto stands_under = [&](const std::string& indentation) {
      std::istringstream lines{piece};
      std::string text;
      for (std::string line; std::getline(lines, line);)
        text += line.empty() ? "\n" : indentation + line + '\n';
      return examples.find('\n' + text) != std::string::npos;
    };
    BOOST_TEST((stands_under("") || stands_under("  ") || stands_under("    ")), piece);
  }
}

BOOST_AUTO_TEST_CASE(its_program_learns) {
  const TemporaryFolder folder;
  const auto finished = run_command(std::string{std::getenv("KEEL_EXAMPLES")} + "/classifier", folder.path());
  BOOST_TEST(finished.status == 0);
  const auto loss = [&](const std::string& step) {
    const auto at = finished.out.find(step);
    return at == std::string::npos ? 1.0 : std::stod(finished.out.substr(at + step.size()));
  };
  BOOST_TEST(loss("step 500: loss ") < 0.5 * loss("step 100: loss "), finished.out);
}

// Every row of its table of verdicts is what the results beside its pictures say.
BOOST_AUTO_TEST_CASE(its_verdicts_are_those_of_its_results) {
  const auto readme = read_file(source_root() / "README.md");
  const auto results = tools::read_results(source_root() / "tools/results");
  BOOST_TEST(results.at("dataset").at("name") == "mnist");
  BOOST_REQUIRE(results.at("studies").size() == tools::studies().size());
  for (const auto& study : results.at("studies")) {
    const auto finding = tools::finding_of(study.at("findings").at(0));
    const auto effect = tools::effect_text(finding);
    // Behind it stands what is known from the literature.
    const auto row = fmt::format("\n| `{}` | {} | {} {} | {} | ", study.at("name").get<std::string>(),
                                 study.at("claim").get<std::string>(), effect.mean, effect.interval,
                                 tools::name_of(finding.verdict));
    BOOST_TEST(readme.find(row) != std::string::npos, "README.md lacks: " << row);
  }
  for (const auto* picture : {"learning-rate-1.svg", "depth-6.svg"}) {
    BOOST_TEST(std::filesystem::exists(source_root() / "tools/results" / picture));
    BOOST_TEST(readme.find(picture) != std::string::npos);
  }
}

// The rules that its results were judged by are those of the code, and its runs still come to the same.
BOOST_AUTO_TEST_CASE(its_results_are_judged_by_the_present_rules) {
  const auto results = tools::read_results(source_root() / "tools/results");
  std::vector<tools::RunResult> runs;
  for (const auto& run : results.at("runs")) runs.push_back(tools::run_of(run));
  std::vector<const tools::Study*> all;
  for (const auto& study : tools::studies()) all.push_back(study.get());
  const auto judged = tools::studies_json(tools::judge_all(all, runs));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& now = judged.at("studies").at(i);
    const auto& then = results.at("studies").at(i);
    for (const char* key : {"name", "claim", "experiment", "caveat", "rule"})
      BOOST_TEST(now.at(key) == then.at(key));
    BOOST_REQUIRE(now.at("findings").size() == then.at("findings").size());
    for (std::size_t k = 0; k < now.at("findings").size(); ++k) {
      const auto a = tools::finding_of(now.at("findings").at(k));
      const auto b = tools::finding_of(then.at("findings").at(k));
      BOOST_TEST(tools::rule_of(a.endpoint) == tools::rule_of(b.endpoint));
      BOOST_TEST(tools::name_of(a.verdict) == tools::name_of(b.verdict));
      BOOST_TEST(tools::effect_text(a).interval == tools::effect_text(b).interval);
      BOOST_TEST(a.note == b.note);
    }
  }
}

// A stranger's project, with keel's sources where the README says.
BOOST_AUTO_TEST_CASE(its_meson_project_builds_and_runs, *boost::unit_test::precondition(is_plain)) {
  const TemporaryFolder folder;
  const auto project = blocks("meson");
  BOOST_REQUIRE(project.size() == 1U);
  std::ofstream{folder.path() / "meson.build"} << project[0];
  const auto script = fmt::format(
      "mkdir subprojects && ln -s '{0}' subprojects/keel && cp '{0}/tools/examples/classifier.cpp' mine.cpp "
      "&&"
      "meson setup build -Db_pch=false && ninja -C build && build/mine",
      source_root().string());
  const auto finished = run_command(script, folder.path());
  BOOST_TEST(finished.status == 0, finished.out << finished.err);
  BOOST_TEST(finished.out.find("step 500: loss 0.0") != std::string::npos, finished.out);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
