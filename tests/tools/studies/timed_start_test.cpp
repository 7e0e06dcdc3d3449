// Times that are measured in starts of the program of their own.

#include "keel/tools/studies/timed_start.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <set>

#include "../../support/planted_runs.hpp"
#include "../../support/process.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

const TimedStart small{.what = "inference",
                       .inputs = 9,
                       .hidden = {5, 4},
                       .classes = 3,
                       .batch_sizes = {1, 4},
                       .rounds = 1,
                       .seed = 7};

std::set<std::string> names_in(const Measures& measures) {
  std::set<std::string> names;
  for (const auto& [name, values] : measures) names.insert(name);
  return names;
}

BOOST_AUTO_TEST_SUITE(timed_start)

BOOST_AUTO_TEST_CASE(a_start_of_the_program_measures_inference) {
  const auto measures = measure_in_a_new_process(small, std::getenv("KEEL_PROGRAM"), {});
  BOOST_REQUIRE(measures.has_value());
  const std::set<std::string> expected{"plain_seconds",          "bn_seconds",
                                       "folded_seconds",         "bn_over_plain_seconds",
                                       "bn_over_folded_seconds", "folded_over_plain_seconds"};
  BOOST_TEST(names_in(*measures) == expected, boost::test_tools::per_element());
  for (const auto& [name, values] : *measures) {
    BOOST_TEST(values.size() == 2U, name);
    for (const double value : values) BOOST_TEST((std::isfinite(value) && value > 0.0), name);
  }
}

// What is counted is the same in every process; 9-5-4-3 has 50 + 24 + 15 numbers, of which batch norm spares
// the biases of 5 and 4 and adds twice as many.
BOOST_AUTO_TEST_CASE(a_start_of_the_program_measures_and_counts_training) {
  auto start = small;
  start.what = "training";
  start.batch_sizes = {4};
  const auto measures = measure_in_a_new_process(start, std::getenv("KEEL_PROGRAM"), {});
  BOOST_REQUIRE(measures.has_value());
  BOOST_TEST(measures->at("plain_parameters").at(0) == 89.0);
  BOOST_TEST(measures->at("bn_parameters").at(0) == 98.0);
  BOOST_TEST(measures->at("plain_running_statistics").at(0) == 0.0);
  BOOST_TEST(measures->at("bn_running_statistics").at(0) == 2.0 * 9.0 + 2.0);  // and two counts of updates
  const auto here = measure_in_this_process(start);
  BOOST_TEST(names_in(here) == names_in(*measures), boost::test_tools::per_element());
  for (const auto& [name, values] : here)
    if (name.find("seconds") == std::string::npos) BOOST_TEST(values.at(0) == measures->at(name).at(0), name);
}

BOOST_AUTO_TEST_CASE(a_program_that_measures_nothing_is_named) {
  const auto refusal = [](const char* program) -> std::string {
    try {
      measure_in_a_new_process(small, program, {});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  BOOST_TEST(refusal("/bin/false").find("'/bin/false'") != std::string::npos);
  BOOST_TEST(refusal("/bin/false").find("status 1") != std::string::npos);
  BOOST_TEST(refusal("/bin/echo").find("printed no measurements") != std::string::npos);
  BOOST_TEST(refusal("/nowhere/keel").find("not there") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_run_that_is_to_stop_has_no_result) {
  std::stop_source stop;
  stop.request_stop();
  BOOST_TEST(!measure_in_a_new_process(small, "/bin/false", stop.get_token()).has_value());
}

BOOST_AUTO_TEST_CASE(the_command_is_found_but_not_listed_and_refuses_what_can_not_be) {
  const auto list = run_keel("--help", "/");
  BOOST_TEST(list.out.find("measure-start") == std::string::npos);
  const auto unknown = run_keel("measure-star", "/");
  BOOST_TEST(unknown.status == 2);
  BOOST_TEST(unknown.err.find("measure-start") == std::string::npos, unknown.err);
  BOOST_TEST(run_keel("measure-start --help", "/").out.find("--batch-sizes") != std::string::npos);
  for (const char* wrong : {"--what sleep", "--inputs 0", "--hidden 8,-1", "--rounds 2000", "--classes x",
                            "--seed -1", "--batch-sizes 99999999"}) {
    const auto finished = run_keel(std::string{"measure-start "} + wrong, "/");
    BOOST_TEST(finished.status == 2, wrong << ": " << finished.out << finished.err);
    BOOST_TEST(finished.out == "");
  }
  const auto single = run_keel("measure-start --what training --batch-sizes 1 --rounds 1", "/");
  BOOST_TEST(single.status == 1);
  BOOST_TEST(single.out == "");
  BOOST_TEST(single.err.starts_with("keel: "), single.err);
}

BOOST_AUTO_TEST_CASE(starts_differ_by_the_mean_factor_between_two_of_them) {
  BOOST_TEST(difference_of_starts(std::vector{1.1, 1.1, 1.1}) == 1.0, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(difference_of_starts(std::vector{1.0, 2.0}) == 2.0, boost::test_tools::tolerance(1e-12));
  // Of the three distances two are log 4 and log 2, and the third is log 2.
  BOOST_TEST(difference_of_starts(std::vector{1.0, 2.0, 4.0}) == std::pow(16.0, 1.0 / 3.0),
             boost::test_tools::tolerance(1e-12));
  BOOST_TEST(difference_of_starts(std::vector{3.0}) == 1.0);
  BOOST_TEST(difference_of_starts(std::vector{1.0, std::nan("")}) == 1.0);
}

// With many starts Student's interval shrinks; that of a study does not below what two starts differ by.
BOOST_AUTO_TEST_CASE(no_interval_is_narrower_than_what_two_starts_differ_by) {
  for (const char* name : {"inference", "cost"}) {
    const auto& study = *find_study(name);
    auto runs = planted_runs(study, 1.0, 40);
    for (auto& run : runs)
      for (double& ratio : run.measures.at("bn_over_plain_seconds"))
        ratio = run.settings.seed % 2 == 0 ? 1.10 : 1.20;
    const auto finding = study.judge(runs).front();
    // Two of 40 starts are alike in 19 cases of 39.
    const double differ = std::exp(20.0 / 39.0 * std::log(1.2 / 1.1));
    BOOST_TEST(finding.endpoint.resolution == differ, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(finding.effect.high.value() / finding.effect.low.value() >= differ * (1.0 - 1e-9));
    BOOST_TEST(finding.note.find("one machine, one binary, 40 starts") != std::string::npos, finding.note);
  }
}

BOOST_AUTO_TEST_CASE(what_is_counted_has_no_interval) {
  const auto& study = *find_study("cost");
  auto runs = planted_runs(study, 1.0);
  for (auto& run : runs) run.measures["bn_parameters"] = {125.0};
  for (const auto& finding : study.judge(runs))
    BOOST_TEST(finding.endpoint.name.find("time") != std::string::npos);
  const auto row = study.tables(runs).front().rows.front();
  BOOST_TEST(row == (std::vector<std::string>{"trained numbers", "100", "125", "+25.0 %"}),
             boost::test_tools::per_element());
  // A count that starts do not agree on is none.
  runs.front().measures["bn_parameters"] = {126.0};
  BOOST_TEST(study.tables(runs).front().rows.front()[2] == "-");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
