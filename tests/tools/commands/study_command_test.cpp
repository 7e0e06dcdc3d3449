// `keel study` as its users meet it: the real program, its files, its exit status.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "../../support/check_refused.hpp"
#include "../../support/study_support.hpp"
#include "keel/tools/runs/expected_time.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::test {
namespace {

using tools::Json;

constexpr auto small = "study convergence --quick --seeds 6";

// The runs of a study with --quick on the tiny data, those that choose learning rates included.
std::size_t expected_runs(const char* name, int seeds, std::int64_t limit = 0) {
  const auto jobs = tools::expected_jobs(
      *tools::find_study(name), {.data = tiny_data(), .seeds = seeds, .quick = true, .limit = limit});
  return tools::count_runs(jobs);
}

bool is_judged(const Json& run) {
  return !run.contains("tuning") && !run.contains("precision");
}

std::size_t lines_in(const std::filesystem::path& file) {
  const auto text = read_file(file);
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
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

  const auto& runs = json.at("runs");
  BOOST_REQUIRE(runs.size() == expected_runs("convergence", 6));
  std::set<std::uint64_t> judged_seeds;
  for (const auto& run : runs) {
    BOOST_TEST(run.at("study") == "convergence");
    BOOST_TEST(run.at("model").get<std::string>() != "");
    if (is_judged(run)) judged_seeds.insert(run.at("seed").get<std::uint64_t>());
    BOOST_TEST(run.at("batch_size").get<int>() > 1);
    BOOST_TEST(run.at("learning_rate").get<double>() > 0.0);
    BOOST_TEST(run.at("momentum") == 0.9);
    BOOST_TEST(run.at("hidden").size() >= 2U);
    BOOST_TEST(run.at("parameters").get<int>() > 1000);
    BOOST_TEST(run.at("diverged").is_boolean());
    BOOST_TEST(!run.contains("error"));
    for (const char* key :
         {"epoch", "steps", "seconds", "train_loss", "validation_loss", "validation_accuracy"})
      BOOST_TEST(run.at("epochs").at(0).contains(key), key);
    BOOST_TEST(run.at("measures").at("most_steps").at(0).get<double>() > 0.0);
  }
  BOOST_TEST(judged_seeds == (std::set<std::uint64_t>{1, 2, 3, 4, 5, 6}), boost::test_tools::per_element());

  const auto& study = *tools::find_study("convergence");
  BOOST_TEST(json.at("claim") == study.claim());
  BOOST_TEST(json.at("rule").get<std::string>().find("at least 1.2 times") != std::string::npos);
  const auto verdict = json.at("verdict").get<std::string>();
  BOOST_TEST(
      (std::set<std::string>{"supported", "contradicted", "ruled out", "not shown"}.contains(verdict)));
  for (const char* key : {"name", "unit"}) BOOST_TEST(json.at("effect").at(key).is_string());
  BOOST_TEST(json.at("effect").at("mean").is_number());
  for (const char* key : {"low", "high", "p", "p_alone", "p_holm", "low_corrected", "high_corrected"})
    BOOST_TEST(json.at("effect").contains(key), key);
  BOOST_REQUIRE(json.at("studies").size() == 1U);
  for (const char* key : {"claim", "rule", "verdict", "effect"})
    BOOST_TEST(json.at("studies").at(0).at(key) == json.at(key), key);
  std::size_t findings = 0;
  for (const char* key : {"supported", "contradicted", "ruled out", "not shown"})
    findings += json.at("summary").at(key).get<std::size_t>();
  BOOST_TEST(findings == json.at("studies").at(0).at("findings").size());

  std::size_t epochs = 0;
  std::size_t numbers = 0;
  for (const auto& run : json.at("runs")) {
    epochs += run.at("epochs").size();
    for (const auto& series : run.at("measures")) numbers += series.size();
  }
  BOOST_TEST(lines_in(*this / "results/runs.csv") == 1 + runs.size());
  BOOST_TEST(lines_in(*this / "results/epochs.csv") == 1 + epochs);
  BOOST_TEST(lines_in(*this / "results/measures.csv") == 1 + numbers);
  BOOST_TEST(kept_runs(*this / "results").size() == runs.size());
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
  BOOST_REQUIRE(keel("study activations --quick --seeds 2 --out a").status == 0);
  BOOST_REQUIRE(keel("study activations --quick --seeds 2 --seed 2 --out b").status == 0);
  const auto losses = [&](const char* folder) {
    std::map<std::uint64_t, double> by_seed;
    const auto results = results_in(*this / folder);
    for (const auto& run : results.at("runs"))
      if (run.at("model") == "plain" && is_judged(run))
        by_seed[run.at("seed").get<std::uint64_t>()] =
            run.at("epochs").at(0).at("validation_loss").get<double>();
    return by_seed;
  };
  const auto a = losses("a");
  const auto b = losses("b");
  BOOST_REQUIRE(a.size() == 2U);
  BOOST_REQUIRE(b.size() == 2U);
  BOOST_TEST(a.at(2) == b.at(2));
  BOOST_TEST(a.at(1) != b.at(3));
}

// Holm's method once more: the k-th smallest of n, times n - k + 1, and not below the one before.
void check_holm(std::vector<std::pair<double, double>> alone_and_corrected) {
  std::ranges::sort(alone_and_corrected);
  double least = 0.0;
  for (std::size_t k = 0; k < alone_and_corrected.size(); ++k) {
    const auto [alone, corrected] = alone_and_corrected[k];
    least = std::max(least, std::min(1.0, alone * static_cast<double>(alone_and_corrected.size() - k)));
    BOOST_TEST(corrected == least);
  }
}

BOOST_AUTO_TEST_CASE(all_studies_make_one_report_and_correct_their_first_findings_together) {
  const auto finished = keel("study all --quick --seeds 2 --out results");
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  const auto json = results_in(*this / "results");
  for (const char* key : {"claim", "rule", "verdict", "effect"}) BOOST_TEST(!json.contains(key), key);
  BOOST_REQUIRE(json.at("studies").size() == tools::studies().size());
  std::vector<std::pair<double, double>> primaries;
  std::size_t findings = 0;
  for (std::size_t i = 0; i < tools::studies().size(); ++i) {
    const auto& study = json.at("studies").at(i);
    BOOST_TEST(study.at("name") == tools::studies()[i]->name());
    BOOST_TEST(study.at("findings").at(0).at("effect") == study.at("effect"));
    std::vector<std::pair<double, double>> others;
    for (std::size_t k = 0; k < study.at("findings").size(); ++k, ++findings) {
      const auto& effect = study.at("findings").at(k).at("effect");
      BOOST_TEST(effect.at("p").is_null() == effect.at("p_alone").is_null());
      if (!effect.at("p_alone").is_number()) continue;
      (k == 0 ? primaries : others)
          .emplace_back(effect.at("p_alone").get<double>(), effect.at("p_holm").get<double>());
      // What stands as p is the same however many studies are run.
      BOOST_TEST(effect.at("p") == (k == 0 ? effect.at("p_alone") : effect.at("p_holm")));
    }
    check_holm(others);
  }
  check_holm(primaries);
  BOOST_TEST(primaries.size() > 5U);
  std::size_t counted = 0;
  for (const char* key : {"supported", "contradicted", "ruled out", "not shown"})
    counted += json.at("summary").at(key).get<std::size_t>();
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
  const auto says = [](Finished finished, const std::string& sentence) {
    std::ranges::replace(finished.out, '\n', ' ');
    BOOST_TEST(finished.out.find(sentence) != std::string::npos, finished.out);
  };
  says(
      keel("study activations --quick --seeds 1 --out one"),
      "With 1 seed nothing can be shown: the sign-flip test's p can't be below 1. A verdict needs 6, by --seeds 6.");
  says(keel("study activations --quick --out six"),
       "With 6 seeds a corrected p of a first finding is 0.031 or more.");
}

BOOST_AUTO_TEST_CASE(quick_has_six_seeds) {
  BOOST_REQUIRE(keel("study activations --quick --out results").status == 0);
  std::set<std::uint64_t> seeds;
  const auto results = results_in(*this / "results");
  for (const auto& run : results.at("runs"))
    if (is_judged(run)) seeds.insert(run.at("seed").get<std::uint64_t>());
  BOOST_TEST(seeds == (std::set<std::uint64_t>{1, 2, 3, 4, 5, 6}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(several_data_sets_are_shown_side_by_side) {
  BOOST_REQUIRE(run_command("cp -r tiny other", *this / "").status == 0);
  const auto command = "study activations --quick --seeds 2 --data other --out results";
  const auto finished = keel(command);
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  BOOST_TEST(finished.out.find("Verdicts side by side") != std::string::npos, finished.out);
  BOOST_TEST(finished.out.ends_with("report: results/report.html\n"), finished.out);
  const auto page = read_file(*this / "results/report.html");
  for (const char* part : {"tiny/report.html", "other/report.html", "not shown"})
    BOOST_TEST(page.find(part) != std::string::npos, part);
  auto a = without_times(results_in(*this / "results/tiny"));
  auto b = without_times(results_in(*this / "results/other"));
  BOOST_TEST((a.at("runs") == b.at("runs")));
  check_refused(keel("study activations --quick --data other --resume"), {"several data sets", "--out"});
  BOOST_TEST(keel(fmt::format("{} --resume", command)).status == 0);
}

BOOST_AUTO_TEST_CASE(a_learning_rate_that_diverges_is_a_result) {
  BOOST_REQUIRE(keel("study learning-rate --quick --seeds 2 --limit 64 --out results").status == 0);
  const auto results = results_in(*this / "results");
  BOOST_REQUIRE(results.at("runs").size() == expected_runs("learning-rate", 2, 64));
  std::size_t came_to_nothing = 0;
  for (const auto& run : results.at("runs")) {
    BOOST_TEST(!run.contains("error"));
    if (run.at("diverged").get<bool>() || run.contains("not_learned")) ++came_to_nothing;
  }
  BOOST_TEST(came_to_nothing > 0U);
}

BOOST_AUTO_TEST_CASE(results_go_to_a_folder_named_after_command_and_time) {
  BOOST_REQUIRE(keel("study activations --quick --seeds 1").status == 0);
  const auto made = std::filesystem::directory_iterator {
    *this / "runs"
    } -> path();
  BOOST_TEST(made.filename().string().starts_with("study-activations-2"), made);
  BOOST_TEST(std::filesystem::exists(made / "results.json"));
}

BOOST_AUTO_TEST_CASE(progress_goes_to_standard_error) {
  const auto finished = run_keel("study activations --quick --seeds 1 --data tiny --out results", *this / "");
  const auto runs = expected_runs("activations", 1);
  BOOST_TEST(finished.err.find(fmt::format("keel: {} runs on ", runs)) != std::string::npos, finished.err);
  BOOST_TEST(finished.err.find(", about ") != std::string::npos, finished.err);
  BOOST_TEST(finished.err.find("activations ") != std::string::npos, finished.err);
  BOOST_TEST(finished.err.find("epoch 1/") != std::string::npos, finished.err);
  BOOST_TEST(finished.err.find(" to choose a rate seed 1000000001 epoch 1/") != std::string::npos,
             finished.err);
  BOOST_TEST(finished.err.find(" runs that choose rates\n") != std::string::npos, finished.err);
  BOOST_TEST(finished.err.find(" seed 1 done: ") != std::string::npos, finished.err);
  BOOST_TEST(finished.out.find("epoch 1/") == std::string::npos, finished.out);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
