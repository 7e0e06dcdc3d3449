// Runs as text: results.json and the tables for other programs.

#include "keel/tools/runs/run_json.hpp"

#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "keel/tools/runs/csv.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

using Limits = std::numeric_limits<double>;

RunResult full_run() {
  RunResult run{.settings = {.study = "depth",
                             .model = "bn+dropout",
                             .factors = {{"network", "784, \"wide\""}, {"rounds", 11}, {"share", 0.1}},
                             .batch_size = 60,
                             .learning_rate = 0.1,
                             .momentum = 0.0,
                             .seed = std::numeric_limits<std::uint64_t>::max()},
                .parameters = 101'770};
  run.epochs.push_back({.epoch = 1,
                        .steps = 800,
                        .seconds = 0.1 + 0.2,
                        .train_loss = 1.0 / 3.0,
                        .validation = {2.0 / 3.0, 0.9}});
  run.epochs.push_back({.epoch = 2,
                        .steps = 3,
                        .seconds = 1e-9,
                        .train_loss = Limits::quiet_NaN(),
                        .validation = {Limits::quiet_NaN(), 0.1}});
  run.test = Evaluation{0.25, 0.75};
  run.measures["series"] = {0.1,
                            -0.0,
                            1e308,
                            -1e308,
                            Limits::denorm_min(),
                            Limits::max(),
                            Limits::min(),
                            4.9e-320,
                            Limits::quiet_NaN(),
                            1.0 / 3.0,
                            5e-324,
                            123456789012345680.0,
                            std::nextafter(1.0, 2.0)};
  run.measures["empty"] = {};
  return run;
}

RunResult through_text(const RunResult& run) {
  return run_of(Json::parse(to_json(run).dump()));
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

std::vector<std::string> lines_of(const std::string& csv) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < csv.size();) {
    const auto end = csv.find("\r\n", begin);
    BOOST_REQUIRE(end != std::string::npos);
    lines.push_back(csv.substr(begin, end - begin));
    begin = end + 2;
  }
  return lines;
}

BOOST_AUTO_TEST_SUITE(run_text)

BOOST_AUTO_TEST_CASE(a_run_survives_json_bit_for_bit) {
  const auto run = full_run();
  const auto again = through_text(run);
  BOOST_TEST(again.settings.study == run.settings.study);
  BOOST_TEST(again.settings.model == run.settings.model);
  BOOST_TEST((again.settings.factors == run.settings.factors));
  BOOST_TEST(again.settings.batch_size == 60);
  BOOST_TEST(same_bits(again.settings.learning_rate, 0.1));
  BOOST_TEST(again.settings.seed == run.settings.seed);
  BOOST_TEST(again.parameters == run.parameters);
  BOOST_REQUIRE(again.epochs.size() == 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_TEST(again.epochs[i].epoch == run.epochs[i].epoch);
    BOOST_TEST(again.epochs[i].steps == run.epochs[i].steps);
    BOOST_TEST(same_bits(again.epochs[i].seconds, run.epochs[i].seconds));
    BOOST_TEST(same_bits(again.epochs[i].train_loss, run.epochs[i].train_loss));
    BOOST_TEST(same_bits(again.epochs[i].validation.loss, run.epochs[i].validation.loss));
    BOOST_TEST(same_bits(again.epochs[i].validation.accuracy, run.epochs[i].validation.accuracy));
  }
  BOOST_TEST(same_bits(again.test->loss, 0.25));
  BOOST_TEST(same_bits(again.test->accuracy, 0.75));
  const auto& series = again.measures.at("series");
  BOOST_REQUIRE(series.size() == run.measures.at("series").size());
  for (std::size_t i = 0; i < series.size(); ++i)
    BOOST_TEST(same_bits(series[i], run.measures.at("series")[i]), run.measures.at("series")[i]);
}

BOOST_AUTO_TEST_CASE(an_empty_series_stays_one) {
  const auto again = through_text(full_run());
  BOOST_REQUIRE(again.measures.contains("empty"));
  BOOST_TEST(again.measures.at("empty").empty());
}

BOOST_AUTO_TEST_CASE(ill_runs_survive_json) {
  RunResult run;
  run.diverged = true;
  run.divergence = "the loss was nan in epoch 1, step 3";
  auto again = through_text(run);
  BOOST_TEST(again.diverged);
  BOOST_TEST(again.divergence == run.divergence);
  BOOST_TEST(!again.test.has_value());
  BOOST_TEST(again.epochs.empty());
  RunResult unlearned;
  unlearned.not_learned = "the final loss 2.4 is not below that of guessing, 2.3026";
  again = through_text(unlearned);
  BOOST_TEST(again.not_learned == unlearned.not_learned);
  BOOST_TEST(!again.diverged);
  RunResult failed;
  failed.error = "no memory for \"it\"\n\u00e4";
  again = through_text(failed);
  BOOST_TEST(again.error == failed.error);
  BOOST_TEST(!again.diverged);
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_are_null) {
  BOOST_TEST(number(Limits::infinity()).is_null());
  BOOST_TEST(number(-Limits::infinity()).is_null());
  BOOST_TEST(number(Limits::quiet_NaN()).is_null());
  BOOST_TEST(number(std::optional<double>{}).is_null());
  BOOST_TEST(number(1e308).dump() == "1e+308");
  BOOST_TEST(std::isnan(number_of(Json(nullptr))));
}

BOOST_AUTO_TEST_CASE(a_run_of_compare_has_no_fields_of_the_studies) {
  const RunResult run{.settings = {.model = "bn"}};
  const auto json = to_json(run);
  for (const char* key : {"study", "factors", "measures", "error", "divergence", "not_learned"})
    BOOST_TEST(!json.contains(key), key);
  for (const char* key : {"model", "batch_size", "learning_rate", "momentum", "seed", "parameters",
                          "diverged", "epochs", "test_loss", "test_accuracy"})
    BOOST_TEST(json.contains(key), key);
}

// RFC 4180: cells with commas, quotes or line breaks in quotes, quotes doubled, lines end in CR LF.
BOOST_AUTO_TEST_CASE(cells_are_quoted_where_they_must_be) {
  auto run = full_run();
  run.settings.study = "a,b";
  run.error = "it said \"no\",\nthen stopped";
  const auto csv = runs_csv(std::span{&run, 1});
  BOOST_TEST(csv.find("\r\n\"a,b\",bn+dropout,\"network=784, \"\"wide\"\";rounds=11;share=0.1\",60,0.1,0,"
                      "18446744073709551615,101770,false,true,\"it said \"\"no\"\",\nthen stopped\",2,") !=
                 std::string::npos,
             csv);
  run.error = "plain";
  BOOST_TEST(runs_csv(std::span{&run, 1}).find(",plain,") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_line_has_as_many_cells_as_the_first) {
  auto run = full_run();
  run.settings.factors = {{"depth", 20}};
  const std::array runs{run, RunResult{}};
  for (const auto& csv : {runs_csv(runs), epochs_csv(runs), measures_csv(runs)}) {
    const auto lines = lines_of(csv);
    for (const auto& line : lines)
      BOOST_TEST(std::ranges::count(line, ',') == std::ranges::count(lines[0], ','), line);
  }
  BOOST_TEST(lines_of(runs_csv(runs)).size() == 3U);
  BOOST_TEST(lines_of(epochs_csv(runs)).size() == 3U);
  BOOST_TEST(lines_of(measures_csv(runs)).size() == 1U + run.measures.at("series").size());
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_are_empty_cells) {
  auto run = full_run();
  run.settings.factors = {{"depth", 20}};
  run.test.reset();
  const auto of_run = lines_of(runs_csv(std::span{&run, 1}));
  BOOST_TEST(of_run[1].ends_with(",false,true,,2,,0.1,,"), of_run[1]);
  const auto of_epochs = lines_of(epochs_csv(std::span{&run, 1}));
  BOOST_TEST(of_epochs[1].ends_with(",1,800,0.30000000000000004,0.3333333333333333,0.6666666666666666,0.9"),
             of_epochs[1]);
  BOOST_TEST(of_epochs[2].ends_with(",2,3,1e-09,,,0.1"), of_epochs[2]);
  const auto of_measures = measures_csv(std::span{&run, 1});
  BOOST_TEST(of_measures.find(",series,8,\r\n") != std::string::npos, of_measures);
  BOOST_TEST(of_measures.find(",series,4,5e-324\r\n") != std::string::npos, of_measures);
  for (const char* word : {"nan", "inf"}) BOOST_TEST(of_measures.find(word) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_runs_have_a_line_of_names) {
  BOOST_TEST(lines_of(runs_csv({})).size() == 1U);
  BOOST_TEST(runs_csv({}).starts_with("study,model,factors,batch_size,learning_rate,momentum,seed,"));
  BOOST_TEST(
      epochs_csv({}).ends_with("epoch,steps,seconds,train_loss,validation_loss,validation_accuracy\r\n"));
  BOOST_TEST(measures_csv({}).ends_with("measure,index,value\r\n"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
