// `keel study` as its users meet it: the real program, its files, its exit status.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>

#include "../../support/study_support.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::test {
namespace {

using tools::Json;

constexpr auto small = "study convergence --quick --seeds 2";

std::size_t lines_in(const std::filesystem::path& file) {
  const auto text = read_file(file);
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

void check_refused(const Finished& finished, const std::vector<std::string>& parts) {
  BOOST_TEST(finished.status == 2, finished.err);
  BOOST_TEST(finished.err.starts_with("keel: "), finished.err);
  BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, finished.err);
  for (const auto& part : parts) BOOST_TEST(finished.err.find(part) != std::string::npos, finished.err);
  BOOST_TEST(finished.out.empty());
}

BOOST_FIXTURE_TEST_SUITE(study_command, StudyFolder)

BOOST_AUTO_TEST_CASE(a_study_writes_every_field_of_the_contract) {
  const auto finished = keel(fmt::format("{} --out results", small));
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  const auto json = results_in(*this / "results");
  BOOST_TEST(json.at("schema") == 1);
  BOOST_TEST(json.at("command").at(1) == "study");
  for (const char* key : {"keel", "onednn", "instruction_set", "cpu", "started"})
    BOOST_TEST(json.at(key).get<std::string>() != "");
  BOOST_TEST(json.at("threads").get<int>() >= 1);
  BOOST_TEST(json.at("seconds").get<double>() > 0.0);
  const auto& data = json.at("dataset");
  BOOST_TEST(data.at("name") == "tiny");
  BOOST_TEST(data.at("digest") == tiny_data().digest);
  BOOST_TEST(data.at("train") == 320);
  BOOST_TEST(data.at("validation") == 80);
  BOOST_TEST(data.at("test") == 100);
  BOOST_TEST(data.at("shape") == Json({8, 8}));
  BOOST_TEST(data.at("classes") == 5);

  BOOST_REQUIRE(json.at("runs").size() == 8U);  // two networks, two seeds, two arms
  for (std::size_t i = 0; i < 8; ++i) {
    const auto& run = json.at("runs").at(i);
    BOOST_TEST(run.at("study") == "convergence");
    BOOST_TEST(run.at("model") == (i % 2 == 0 ? "plain" : "bn"));
    BOOST_TEST(run.at("seed") == 1 + i / 2 % 2);
    BOOST_TEST(run.at("factors").at("network") == (i < 4 ? "sigmoid 3 x 100" : "relu 2 x 128"));
    BOOST_TEST(run.at("batch_size") == (i < 4 ? 60 : 64));
    BOOST_TEST(run.at("learning_rate") == (i < 4 ? 0.1 : 0.01));
    BOOST_TEST(run.at("momentum") == 0.9);
    BOOST_TEST(run.at("parameters").get<int>() > 1000);
    BOOST_TEST(run.at("diverged").is_boolean());
    BOOST_TEST(!run.contains("error"));
    BOOST_TEST(run.at("test_loss").get<double>() > 0.0);
    BOOST_TEST(run.at("test_accuracy").get<double>() > 0.0);
    const auto& epoch = run.at("epochs").at(0);
    for (const char* key :
         {"epoch", "steps", "seconds", "train_loss", "validation_loss", "validation_accuracy"})
      BOOST_TEST(epoch.at(key).get<double>() > 0.0, key);
    BOOST_TEST(run.at("measures").at("most_steps").at(0).get<double>() > 0.0);
  }

  const auto& study = *tools::find_study("convergence");
  BOOST_TEST(json.at("claim") == study.claim());
  BOOST_TEST(json.at("rule").get<std::string>().find("at least 1.2 times") != std::string::npos);
  const auto verdict = json.at("verdict").get<std::string>();
  BOOST_TEST((verdict == "supported" || verdict == "contradicted" || verdict == "not shown"));
  for (const char* key : {"name", "unit"}) BOOST_TEST(json.at("effect").at(key).is_string());
  for (const char* key : {"mean", "low", "high", "p"}) BOOST_TEST(json.at("effect").at(key).is_number(), key);
  BOOST_REQUIRE(json.at("studies").size() == 1U);
  for (const char* key : {"claim", "rule", "verdict", "effect"})
    BOOST_TEST(json.at("studies").at(0).at(key) == json.at(key), key);
  BOOST_TEST(json.at("studies").at(0).at("findings").size() == 5U);
  int findings = 0;
  for (const char* key : {"supported", "contradicted", "not shown"})
    findings += json.at("summary").at(key).get<int>();
  BOOST_TEST(findings == 5);

  std::size_t epochs = 0;
  std::size_t numbers = 0;
  for (const auto& run : json.at("runs")) {
    epochs += run.at("epochs").size();
    for (const auto& series : run.at("measures")) numbers += series.size();
  }
  BOOST_TEST(lines_in(*this / "results/runs.csv") == 9U);
  BOOST_TEST(lines_in(*this / "results/epochs.csv") == 1 + epochs);
  BOOST_TEST(lines_in(*this / "results/measures.csv") == 1 + numbers);
  BOOST_TEST(kept_runs(*this / "results").size() == 8U);
  BOOST_TEST(finished.out.find("with batch normalization training converges faster") == std::string::npos);
  BOOST_TEST(finished.out.find(study.claim()) != std::string::npos, finished.out);
  BOOST_TEST(finished.out.find("results.json") != std::string::npos, finished.out);
}

BOOST_AUTO_TEST_CASE(a_study_leaves_a_report_with_pictures) {
  const auto finished = keel(fmt::format("{} --out results", small));
  BOOST_REQUIRE(finished.status == 0);
  BOOST_TEST(finished.out.ends_with("report: results/report.html\n"), finished.out);
  BOOST_TEST(std::filesystem::exists(*this / "results/report.html"));
  BOOST_TEST(std::filesystem::exists(*this / "results/figures/convergence-1.svg"));
}

BOOST_AUTO_TEST_CASE(numbers_do_not_depend_on_threads_or_on_the_hour) {
  for (const auto* study : {"regularization", "activations"}) {
    const auto run = [&](int threads, const std::string& out) {
      BOOST_REQUIRE(
          keel(fmt::format("study {} --quick --seeds 2 --threads {} --out {}-{}", study, threads, study, out))
              .status == 0);
      return without_times(results_in(*this / fmt::format("{}-{}", study, out)));
    };
    const auto first = run(1, "a");
    BOOST_TEST((first == run(2, "b")), study);
    BOOST_TEST((first == run(1, "c")), study);
  }
}

BOOST_AUTO_TEST_CASE(another_first_seed_gives_other_numbers) {
  BOOST_REQUIRE(keel("study initialization --quick --seeds 2 --out a").status == 0);
  BOOST_REQUIRE(keel("study initialization --quick --seeds 2 --seed 2 --out b").status == 0);
  const auto a = results_in(*this / "a").at("runs");
  const auto b = results_in(*this / "b").at("runs");
  BOOST_TEST(a.at(0).at("seed") == 1);
  BOOST_TEST(b.at(0).at("seed") == 2);
  // Seed 2 is in both: the third run of the one and the first of the other.
  const auto loss = [](const Json& run) { return run.at("epochs").at(0).at("validation_loss"); };
  BOOST_TEST(loss(a.at(2)) == loss(b.at(0)));
  BOOST_TEST(loss(a.at(0)) != loss(b.at(0)));
}

BOOST_AUTO_TEST_CASE(all_studies_make_one_report_and_correct_their_p_values_together) {
  const auto finished = keel("study all --quick --seeds 2 --out results");
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  const auto json = results_in(*this / "results");
  for (const char* key : {"claim", "rule", "verdict", "effect"}) BOOST_TEST(!json.contains(key), key);
  BOOST_REQUIRE(json.at("studies").size() == tools::studies().size());
  std::vector<std::pair<double, double>> alone_and_corrected;
  int findings = 0;
  for (std::size_t i = 0; i < tools::studies().size(); ++i) {
    const auto& study = json.at("studies").at(i);
    BOOST_TEST(study.at("name") == tools::studies()[i]->name());
    BOOST_TEST(study.at("findings").at(0).at("effect") == study.at("effect"));
    for (const auto& finding : study.at("findings")) {
      ++findings;
      const auto& effect = finding.at("effect");
      BOOST_TEST(effect.at("p").is_null() == effect.at("p_alone").is_null());
      if (effect.at("p").is_number())
        alone_and_corrected.emplace_back(effect.at("p_alone").get<double>(), effect.at("p").get<double>());
    }
  }
  // Holm's method once more: the k-th smallest of n, times n - k + 1, and not below the one before.
  std::ranges::sort(alone_and_corrected);
  double least = 0.0;
  for (std::size_t k = 0; k < alone_and_corrected.size(); ++k) {
    const auto [alone, corrected] = alone_and_corrected[k];
    least = std::max(least, std::min(1.0, alone * static_cast<double>(alone_and_corrected.size() - k)));
    BOOST_TEST(corrected == least);
  }
  BOOST_TEST(alone_and_corrected.size() > 20U);
  int counted = 0;
  for (const char* key : {"supported", "contradicted", "not shown"})
    counted += json.at("summary").at(key).get<int>();
  BOOST_TEST(counted == findings);
  for (const auto& study : tools::studies())
    BOOST_TEST(finished.out.find(fmt::format("\n{}: ", study->name())) != std::string::npos, study->name());
}

// Two seeds differ by sign alone, or not: their least p value, which says nothing.
BOOST_AUTO_TEST_CASE(a_single_seed_has_no_interval) {
  BOOST_REQUIRE(keel("study recurrent --quick --seeds 1 --out results").status == 0);
  const auto json = results_in(*this / "results");
  BOOST_TEST(json.at("verdict") == "not shown");
  BOOST_TEST(json.at("effect").at("mean").is_number());
  for (const char* key : {"low", "high", "p"}) BOOST_TEST(json.at("effect").at(key).is_null(), key);
}

BOOST_AUTO_TEST_CASE(how_sure_a_verdict_can_be_is_said) {
  const auto one = keel("study initialization --quick --seeds 1 --out one");
  BOOST_TEST(one.out.find("One seed has no interval") != std::string::npos, one.out);
  auto three = keel("study initialization --quick --out three");
  std::ranges::replace(three.out, '\n', ' ');
  BOOST_TEST(three.out.find(
                 "p is 0.25 or more with 3 seeds, before it is corrected by Holm's method for 1 finding.") !=
                 std::string::npos,
             three.out);
}

BOOST_AUTO_TEST_CASE(quick_has_three_seeds) {
  BOOST_REQUIRE(keel("study initialization --quick --out results").status == 0);
  BOOST_TEST(results_in(*this / "results").at("runs").back().at("seed") == 3);
}

BOOST_AUTO_TEST_CASE(a_learning_rate_that_diverges_is_a_result) {
  BOOST_REQUIRE(keel("study learning-rate --quick --seeds 2 --limit 64 --out results").status == 0);
  const auto results = results_in(*this / "results");
  BOOST_REQUIRE(results.at("runs").size() == 16U);
  std::size_t diverged = 0;
  for (const auto& run : results.at("runs")) {
    BOOST_TEST(!run.contains("error"));
    if (run.at("diverged").get<bool>()) ++diverged;
  }
  BOOST_TEST(diverged > 0U);
}

BOOST_AUTO_TEST_CASE(results_go_to_a_folder_named_after_command_and_time) {
  BOOST_REQUIRE(keel("study initialization --quick --seeds 1").status == 0);
  const auto made = std::filesystem::directory_iterator {
    *this / "runs"
    } -> path();
  BOOST_TEST(made.filename().string().starts_with("study-initialization-2"), made);
  BOOST_TEST(std::filesystem::exists(made / "results.json"));
}

BOOST_AUTO_TEST_CASE(progress_goes_to_standard_error) {
  const auto finished =
      run_keel("study initialization --quick --seeds 1 --data tiny --out results", *this / "");
  BOOST_TEST(finished.err.find("initialization 1e-4 bn batch 64 rate 0.01 seed 1") != std::string::npos,
             finished.err);
  BOOST_TEST(finished.err.find("epoch 1/1") != std::string::npos, finished.err);
  BOOST_TEST(finished.err.find("6 of 6 runs") != std::string::npos, finished.err);
  BOOST_TEST(finished.out.find("epoch 1/1") == std::string::npos, finished.out);
}

BOOST_AUTO_TEST_CASE(wrong_command_lines_are_refused_in_a_sentence) {
  check_refused(keel("study folklore"), {"folklore", "convergence", "all"});
  check_refused(keel("study"), {"NAME"});
  check_refused(keel("study convergence --seeds 0"), {"seeds"});
  check_refused(keel("study convergence --epochs 3"), {"epochs"});
  BOOST_TEST(!std::filesystem::exists(*this / "runs"));
}

BOOST_AUTO_TEST_CASE(missing_data_has_status_3_and_leaves_no_folder) {
  const auto finished = run_keel("study convergence --data nowhere --out results/deep", *this / "");
  BOOST_TEST(finished.status == 3);
  BOOST_TEST(finished.err.find("nowhere") != std::string::npos, finished.err);
  BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, finished.err);
  BOOST_TEST(!std::filesystem::exists(*this / "results"));
}

BOOST_AUTO_TEST_CASE(a_folder_with_something_in_it_is_refused_unless_forced) {
  BOOST_REQUIRE(run_command("mkdir full && touch full/mine", *this / "").status == 0);
  check_refused(keel(fmt::format("{} --out full", small)), {"not empty", "--force"});
  BOOST_TEST(!std::filesystem::exists(*this / "full/results.json"));
  BOOST_TEST(keel(fmt::format("{} --out full --force", small)).status == 0);
  BOOST_TEST(std::filesystem::exists(*this / "full/mine"));
  BOOST_TEST(std::filesystem::exists(*this / "full/results.json"));
}

// Batch norm can't be trained on a single image: those runs fail, the plain ones and the report do not.
BOOST_AUTO_TEST_CASE(runs_that_fail_are_recorded_and_told) {
  const auto finished = keel("study initialization --quick --seeds 2 --limit 1 --out results");
  BOOST_TEST(finished.status == 1);
  BOOST_TEST(finished.err.find("6 of 12 runs failed") != std::string::npos, finished.err);
  const auto json = results_in(*this / "results");
  BOOST_TEST(json.at("verdict") == "not shown");
  for (const auto& run : json.at("runs")) BOOST_TEST(run.contains("error") == (run.at("model") == "bn"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
