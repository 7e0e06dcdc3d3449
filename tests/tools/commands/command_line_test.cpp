// What the program says of command lines, and how it fits into a terminal.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "../../support/study_support.hpp"
#include "keel/tools/commands/command_line.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::test {
namespace {

constexpr std::array every_command{"",           "compare",     "batch-study", "study", "report", "data",
                                   "data mnist", "data digits", "data info",   "bench", "graph",  "train",
                                   "evaluate",   "predict",     "export",      "import"};

std::size_t widest_line(const std::string& text) {
  std::istringstream stream{text};
  std::size_t widest = 0;
  for (std::string line; std::getline(stream, line);)
    if (line.find("://") == std::string::npos) widest = std::max(widest, tools::character_count(line));
  return widest;
}

struct CommandLine : StudyFolder {
  [[nodiscard]] Finished keel_says(const std::string& arguments) const {
    return run_keel(arguments, *this / "");
  }

  void check_told(const std::string& arguments, const std::string& says) const {
    const auto finished = keel_says(arguments);
    BOOST_TEST(finished.status == 2, arguments << ": " << finished.status);
    BOOST_TEST(finished.err.find(says) != std::string::npos, arguments << ": " << finished.err);
    BOOST_TEST(finished.err.starts_with("keel: "), finished.err);
    BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, finished.err);
    for (const auto* foreign : {"required", "Could not", "not expected", "not in", "ubcommand"})
      BOOST_TEST(finished.err.find(foreign) == std::string::npos, arguments << ": " << finished.err);
  }
};

BOOST_FIXTURE_TEST_SUITE(command_line, CommandLine)

BOOST_AUTO_TEST_CASE(near_misses_are_told) {
  check_told("compair", "keel has no command 'compair', only compare, ");
  check_told("compair", "(did you mean 'compare'?); see keel --help");
  check_told("data mnits", "(did you mean 'mnist'?); see keel data --help");
  check_told("compare --batch-sise 64",
             "keel compare has no option '--batch-sise' (did you mean '--batch-size'?)");
  check_told("compare --batch-sise=64", "(did you mean '--batch-size'?)");
  check_told("study dept", "(did you mean 'depth'?)");
  check_told("study depth --quik", "(did you mean '--quick'?)");
  check_told("graph --model dep-bn", "(did you mean 'deep-bn'?)");
  check_told("--verison", "(did you mean '--version'?)");
  check_told("compare --colour", "keel compare has no option '--colour'; see");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_in_the_programs_own_words) {
  check_told("", "a command is missing after 'keel': compare, batch-study, ");
  check_told("data", "a command is missing after 'keel data': mnist, digits, info");
  check_told("study", "NAME is missing: convergence, ");
  check_told("report", "DIR is missing: ");
  check_told("data digits", "--out is missing: ");
  check_told("compare --epochs", "--epochs needs a value: N");
  check_told("compare --seed=", "--seed needs a value: S");
  check_told("compare --epochs 1 --epochs 2", "--epochs is given more than once");
  check_told("compare --quiet=maybe", "--quiet takes no value");
  check_told("compare stray", "keel compare takes no argument 'stray'");
  check_told("report a b", "keel report takes no argument 'b'");
  check_told("compare -x", "keel compare has no option '-x'");
  check_told("compare --epochs none", "--epochs takes a whole number from 1 to 1000000, not 'none'");
  check_told("compare --epochs 010", "not '010'");  // which the reader would take for 8
  check_told("compare --epochs 0x10", "not '0x10'");
  check_told("compare --epochs 1e3", "not '1e3'");
  check_told("compare --seed --seeds",
             "--seed takes a whole number from 0 to 18446744073709551615, not '--seeds'");
  check_told("compare --seed -1", "--seed takes a whole number from 0 to 18446744073709551615, not '-1'");
  check_told("compare --momentum 1", "--momentum takes a number from 0 to 0.999999, not '1'");
  check_told("compare --learning-rate nan", "--learning-rate takes a number from 0 to 1000000, not 'nan'");
  check_told("batch-study --batch-sizes 3,1",
             "--batch-sizes takes a whole number from 2 to 1000000, not '1'");
  check_told("bench --model nothing", "--model takes plain, bn, ");
}

// Each option with a value that can't be one, as far as there is such a value.
BOOST_AUTO_TEST_CASE(every_option_has_a_sentence_for_a_value_that_it_does_not_take) {
  std::size_t seen = 0;
  for (const auto* command : every_command) {
    const auto help = keel_says(fmt::format("{} --help", command)).out;
    const std::regex option{R"re(\n  (?:-\w, )?(--[a-z-]+)( [A-Z,.]+)?)re"};
    for (std::sregex_iterator match{help.begin(), help.end(), option}, end; match != end; ++match) {
      const auto name = (*match)[1].str();
      const auto value = (*match)[2].str();
      if (value.empty()) {
        if (name != "--help" && name != "--version")
          check_told(fmt::format("{} {}=x", command, name), name + " takes no value");
      } else {
        ++seen;
        check_told(fmt::format("{} {}", command, name), name + " needs a value:" + value);
        if (std::set<std::string>{" DATA", " DIR", " FILE", " OUT", " URL"}.contains(value)) continue;
        check_told(fmt::format("{} {} '@!'", command, name), name + " takes ");
      }
    }
  }
  BOOST_TEST(seen > 30U);
}

BOOST_AUTO_TEST_CASE(help_fits_any_terminal_and_tells_the_exit_statuses) {
  for (const auto* command : every_command) {
    const auto help = keel_says(fmt::format("{} --help", command));
    BOOST_TEST(help.status == 0);
    BOOST_TEST(help.out == keel_says(fmt::format("{} -h", command)).out);
    BOOST_TEST(widest_line(help.out) <= 80U, help.out);
    BOOST_TEST(help.out.find("Exit status: 0 done; 1 ") != std::string::npos, help.out);
    for (const auto* foreign : {"INT", "TEXT", "FLOAT", "digits|", "]=", "OPTIONS"})
      BOOST_TEST(help.out.find(foreign) == std::string::npos, command << ": " << foreign);
    const auto narrow = run_command(
        fmt::format("COLUMNS=50 '{}' {} --help", std::getenv("KEEL_PROGRAM"), command), *this / "");
    BOOST_TEST(widest_line(narrow.out) <= 50U, narrow.out);
  }
}

BOOST_AUTO_TEST_CASE(tables_fit_eighty_columns_and_narrow_terminals) {
  for (const auto* arguments :
       {"compare --seeds 3 --learning-rate 0.1", "compare --learning-rate 100000", "data info --data tiny",
        "study initialization --quick --seeds 2 --data tiny --quiet",
        "batch-study --batch-sizes 8,16,32 --seeds 2 --epochs 2 --learning-rate 0.1",
        "bench --model deep-plain --batch-size 64 --repeats 1 --threads 1",
        "bench --profile bn --threads 1"}) {
    const std::string line{arguments};
    const auto all =
        line.starts_with("compare") || line.starts_with("batch") ? line + " --data tiny --quiet" : line;
    for (const int columns : {80, 60, 44}) {
      const auto finished = run_command(
          fmt::format("COLUMNS={} '{}' {} {}", columns, std::getenv("KEEL_PROGRAM"), all,
                      line.find("data info") == 0 || line.find("bench") == 0 ? "" : "--out out --force"),
          *this / "");
      BOOST_TEST(!finished.out.empty(), finished.err);
      // Names of files and kernels are not broken.
      std::istringstream stream{finished.out};
      for (std::string text; std::getline(stream, text);) {
        const bool has_long_word = text.find("brgemm") != std::string::npos || text.find("digest") == 0 ||
                                   text.find(':') == text.size() - 1;
        if (!has_long_word)
          BOOST_TEST(tools::character_count(text) <= static_cast<std::size_t>(columns), line << ": " << text);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(numbers_in_tables_can_be_read) {
  const auto finished = keel("compare --learning-rate 100000 --out out");
  BOOST_TEST(finished.status == 1);
  for (const auto* odd : {"nan", "inf", "00000000"})
    BOOST_TEST(finished.out.find(odd) == std::string::npos, finished.out);
}

BOOST_AUTO_TEST_CASE(a_run_that_has_not_learned_yet_is_not_said_to_diverge) {
  const auto slow = keel("compare --learning-rate 0 --epochs 1 --out slow");
  BOOST_TEST(slow.status == 1);
  BOOST_TEST(slow.err.find("has not learned anything yet: the final loss") != std::string::npos, slow.err);
  BOOST_TEST(slow.err.find("more --epochs") != std::string::npos, slow.err);
  BOOST_TEST(slow.err.find("diverged") == std::string::npos, slow.err);
  const auto fast = keel("compare --learning-rate 100000 --out fast");
  BOOST_TEST(fast.err.find(" yet") == std::string::npos, fast.err);
  BOOST_TEST(fast.err.find("try a lower --learning-rate") != std::string::npos, fast.err);
}

BOOST_AUTO_TEST_CASE(batches_and_sets_of_one_are_refused_beforehand) {
  for (const auto* arguments : {"compare --batch-size 1", "compare --limit 1", "compare --limit 65"}) {
    const auto finished = keel(fmt::format("{} --out out", arguments));
    BOOST_TEST(finished.status == 2, arguments << finished.status);
    BOOST_TEST(finished.out.empty());
    BOOST_TEST(finished.err.find("can't train") != std::string::npos, finished.err);
    BOOST_TEST(!std::filesystem::exists(*this / "out"), arguments);
  }
}

BOOST_AUTO_TEST_CASE(a_benchmark_says_what_its_ratio_is_and_how_far_it_spreads) {
  const auto finished =
      keel_says("bench --model bn --batch-size 64 --repeats 3 --threads 1 --json bench.json");
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  BOOST_TEST(finished.out.find("floor: the bare oneDNN") != std::string::npos, finished.out);
  BOOST_TEST(finished.out.find("middle 80 %") != std::string::npos, finished.out);
  const auto written = tools::Json::parse(read_file(*this / "bench.json"));
  for (const auto& measured : written.at("cases")) {
    BOOST_TEST(measured.at("ratio_low").get<double>() <= measured.at("ratio").get<double>());
    BOOST_TEST(measured.at("ratio").get<double>() <= measured.at("ratio_high").get<double>());
  }
}

BOOST_AUTO_TEST_CASE(a_command_line_can_be_checked_without_running_it) {
  BOOST_CHECK_NO_THROW(tools::check_command_line({"keel", "compare", "--epochs", "3", "--out", "made"}));
  BOOST_TEST(!std::filesystem::exists("made"));
  BOOST_CHECK_THROW(tools::check_command_line({"keel", "compare", "--epochs", "x"}), tools::UsageError);
  BOOST_CHECK_THROW(tools::check_command_line({}), tools::UsageError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
